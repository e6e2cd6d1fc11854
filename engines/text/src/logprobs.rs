//! Log-probabilities of the model's own distribution, as plain answers report them: softmax over the whole vocabulary,
//! before any sampler.

/// A token and the natural logarithm of its probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Likely {
    /// The token.
    pub id: u32,
    /// Natural logarithm.
    pub logprob: f32,
}

/// What is reported for one token of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenLogprobs {
    /// The token that was chosen.
    pub chosen: Likely,
    /// The likeliest tokens, the likeliest first.
    pub top: Vec<Likely>,
}

/// Measures `logits`, `[n_vocab]`, for the token `chosen` and the `count` likeliest.
pub fn measure(logits: &[f32], chosen: u32, count: usize) -> TokenLogprobs {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|logit| f64::from(logit - largest).exp()).sum();
    let logprob = |logit: f32| (f64::from(logit - largest) - sum.ln()) as f32;
    // Ascending; the lower id first among equals. A handful of entries: inserting beats sorting the vocabulary.
    let mut best: Vec<(f32, u32)> = Vec::with_capacity(count + 1);
    for (id, &logit) in (0u32..).zip(logits) {
        if best.len() == count && best.first().is_none_or(|(least, _)| logit <= *least) {
            continue;
        }
        let at = best.partition_point(|(other, _)| *other < logit);
        best.insert(at, (logit, id));
        if best.len() > count {
            best.remove(0);
        }
    }
    let chosen_logit = logits.get(chosen as usize).copied().unwrap_or(f32::NEG_INFINITY);
    TokenLogprobs {
        chosen: Likely { id: chosen, logprob: logprob(chosen_logit) },
        top: best.into_iter().rev().map(|(logit, id)| Likely { id, logprob: logprob(logit) }).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_come_first_and_sum_to_one() {
        let logits = [0.5f32, 2.0, -1.0, 2.0, 1.0];
        let measured = measure(&logits, 4, 5);
        assert_eq!(measured.top.iter().map(|likely| likely.id).collect::<Vec<_>>(), [1, 3, 4, 0, 2]);
        let sum: f32 = measured.top.iter().map(|likely| likely.logprob.exp()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        assert_eq!(measured.chosen.logprob, measured.top[2].logprob);
        assert_eq!(measure(&logits, 1, 2).top.len(), 2);
        assert!(measure(&logits, 1, 0).top.is_empty());
    }
}
