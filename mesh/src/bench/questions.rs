//! Questions of mixed kinds, the same for the same seed.

use crate::client::Question;

/// What is asked.
const PROMPTS: [&str; 12] = [
    "Tell me a short story about a lighthouse keeper and his dog.",
    "Explain in simple words how a bicycle stays upright.",
    "Write a haiku about autumn rain.",
    "List five things one can do with an old newspaper.",
    "What is the difference between weather and climate?",
    "Give me a recipe for a simple vegetable soup.",
    "Write three sentences in the style of a ship's log.",
    "Why do cats purr?",
    "Describe the city of Lisbon to somebody who has never seen the sea.",
    "Continue: The door at the end of the corridor had never been",
    "Name a prime number and say why it is one.",
    "Überlege kurz: was ist ein Föhn?",
];
const TEMPERATURES: [f64; 5] = [0.0, 0.1, 0.7, 1.0, 1.5];
const TOP_P: [f64; 3] = [1.0, 0.9, 0.6];
/// Answer tokens at most.
const TOKENS_MAX: u64 = 200;
/// Answer tokens of a liar at most: three windows.
const LIAR_TOKENS: u32 = 96;

/// splitmix64: small, and the same everywhere.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap_or(0)
    }

    /// A question of any kind an honest consumer may ask.
    pub fn question(&mut self) -> Question {
        Question {
            prompt: PROMPTS[self.below(PROMPTS.len())].to_owned(),
            max_tokens: 1 + u32::try_from(self.next() % TOKENS_MAX).unwrap_or(0),
            temperature: TEMPERATURES[self.below(TEMPERATURES.len())],
            top_p: TOP_P[self.below(TOP_P.len())],
            stream: self.below(2) == 0,
        }
    }

    /// A question whose answer is long and various enough for any lie to be told about it.
    pub fn rich_question(&mut self) -> Question {
        let stream = self.below(2) == 0;
        Question { temperature: 0.8, stream, ..Question::new(PROMPTS[self.below(3)], LIAR_TOKENS) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_questions_and_all_kinds_of_them() {
        let asked = |seed| {
            let mut random = Random::new(seed);
            (0..200).map(|_| random.question()).collect::<Vec<_>>()
        };
        assert_eq!(format!("{:?}", asked(1)), format!("{:?}", asked(1)));
        assert_ne!(format!("{:?}", asked(1)), format!("{:?}", asked(2)));
        let questions = asked(1);
        for temperature in TEMPERATURES {
            assert!(questions.iter().any(|question| question.temperature == temperature));
        }
        assert!(questions.iter().all(|question| (1..=200).contains(&question.max_tokens)));
        assert!(questions.iter().any(|question| question.stream) && questions.iter().any(|question| !question.stream));
    }
}
