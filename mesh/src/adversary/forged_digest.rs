//! The lie: a prefill spoof whose digests are bent, where the replay would not draw the cheap model's token, just so far that it does.
//!
//! Hidden states and replay are in order; what gives it away is how far the digests had to be bent, and the verifier's own
//! margins, which do not look at them (SPEC 5.5, 5 and 6).

use super::{Asked, Expected, Lie, prefill_spoof::recommitted};
use anyhow::{Context, Result};
use ogong_audit::Check;
use ogong_base::params::{DIGEST_ENTRIES_MAX, DIGEST_STEPS_PER_NAT};
use ogong_commitment::{
    builder::Trajectory,
    digest::{Digest, probability},
    order::seed,
    sampler::{Counts, choose},
};
use ogong_engine::EngineClient;

/// What catches it: whichever of these the cheap model's mistakes break first.
pub const EXPECTED: Expected =
    Expected::of(&[Check::Ks, Check::KsPosition, Check::MarginMean, Check::MarginPosition], &[Check::ExactLeaf]);

/// How far a digest is bent at once, 1/1024 nat.
const BEND: i16 = 32;

/// Commits to another engine's numbers, bent.
#[derive(Debug, Clone)]
pub struct ForgedDigest {
    /// An engine on the ordered model.
    pub real: EngineClient,
}

impl Lie for ForgedDigest {
    fn name(&self) -> &'static str {
        "forged_digest"
    }

    async fn trajectory(&self, asked: &Asked, made: Trajectory) -> Result<Trajectory> {
        let mut made = recommitted(&self.real, asked, made).await?;
        let (seed, params) = (seed(asked.commit.reply_id), &made.header.params);
        let (mut counts, mut t) = (Counts::default(), 0);
        for leaf in &mut made.leaves {
            for (id, digest) in leaf.ids.iter().zip(&mut leaf.digests) {
                *digest =
                    bent(digest, *id, |digest| choose(digest, params, &counts, &seed, t)).context("unbendable")?;
                counts.add(*id);
                t += 1;
            }
        }
        Ok(made)
    }
}

/// The digest with the token's probability raised until it is drawn, everything else lowered alike.
fn bent(honest: &Digest, id: u32, draw: impl Fn(&Digest) -> Option<u32>) -> Option<Digest> {
    let mut digest = honest.clone();
    let last = honest.entries.last()?.1;
    let mut q = honest.entries.iter().find(|(other, _)| *other == id).map_or(last, |(_, q)| *q);
    while draw(&digest) != Some(id) {
        q = q.checked_add(BEND).filter(|q| *q < 0)?;
        digest = with(honest, id, q);
    }
    Some(digest)
}

fn with(honest: &Digest, id: u32, q: i16) -> Digest {
    let old = honest.entries.iter().find(|(other, _)| *other == id).map_or(0.0, |(_, q)| probability(*q));
    let lowered = ((1.0 - probability(q)) / (1.0 - old)).ln() * f64::from(DIGEST_STEPS_PER_NAT);
    let others = honest.entries.iter().filter(|(other, _)| *other != id).take(DIGEST_ENTRIES_MAX - 1);
    // Rounded down, so that the mass stays below one; a float cast saturates.
    let mut entries: Vec<(u32, i16)> =
        others.map(|(other, q)| (*other, (f64::from(*q) + lowered).floor() as i16)).collect();
    entries.push((id, q));
    entries.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    Digest { entries }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bent_digest_is_still_one_and_draws_the_token() {
        let honest = Digest { entries: (0..12).map(|id| (id, -1_400 - 300 * id as i16)).collect() };
        let likeliest = |digest: &Digest| digest.entries.first().map(|(id, _)| *id);
        for id in [0, 3, 11, 40] {
            let bent = bent(&honest, id, likeliest).expect("bent");
            assert_eq!(likeliest(&bent), Some(id));
            assert!(bent.mass() <= 1.002, "{}", bent.mass());
            assert!(bent.entries.is_sorted_by(|a, b| (b.1, a.0) <= (a.1, b.0)), "{:?}", bent.entries);
        }
        assert_eq!(bent(&honest, 0, likeliest), Some(honest.clone()), "what is drawn anyway is left alone");
    }
}
