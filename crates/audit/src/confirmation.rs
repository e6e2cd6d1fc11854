//! Combining verifiers' words (SPEC 5.6): an accept stands; a reject by scores is confirmed by a second verifier of
//! another owner where one exists; a split goes to a third, and the outvoted one is named.
//!
//! An exact-mode mismatch whose tolerance scores pass ([`Vote::LeafDiffers`]) may be a kernel that is not as deterministic
//! as its self-test said. It rejects only when a second verifier of the class finds it too, and only a verifier that
//! recomputed the leaf bit for bit can refute it.

use crate::reason::Reason;

/// Verifiers whose word counts for one reply, at most.
pub const VOTES_MAX: usize = 3;

/// One verifier's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vote {
    /// Everything within its limits; `exact` if the leaves were reproduced bit for bit.
    Pass {
        /// Leaves were compared and equal.
        exact: bool,
    },
    /// Something over its limit.
    Fail(Reason),
    /// Within all limits, but a leaf is not the recomputed one.
    LeafDiffers,
}

/// Which verifier is asked next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The first.
    First,
    /// One more, of any class.
    Another,
    /// One more, of the provider's numeric class, in exact mode.
    ClassMate,
}

/// What the votes so far amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    /// Ask one more verifier; if there is none, the second field is what stands.
    Ask(Need, Stand),
    /// Decided.
    Stand(Stand),
}

/// A decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// The reply is right.
    Accept,
    /// The reply is wrong.
    Reject(Reason),
    /// It cannot be told.
    Inconclusive(Reason),
}

/// The votes about one reply, in the order the verifiers were drawn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Confirmation {
    votes: Vec<Vote>,
}

impl Confirmation {
    /// Adds a vote; votes after a decision are not counted.
    pub fn push(&mut self, vote: Vote) {
        if matches!(self.ruling(), Ruling::Ask(..)) {
            self.votes.push(vote);
        }
    }

    /// The votes that counted.
    pub fn votes(&self) -> &[Vote] {
        &self.votes
    }

    /// What the votes amount to.
    pub fn ruling(&self) -> Ruling {
        let against = self.votes.iter().filter(|vote| !matches!(vote, Vote::Pass { .. })).count();
        let leaf_differs = self.votes.contains(&Vote::LeafDiffers);
        let refuting = self.refuting(leaf_differs);
        match (self.votes.as_slice(), against, refuting) {
            ([], ..) => Ruling::Ask(Need::First, Stand::Inconclusive(Reason::NoReport)),
            ([Vote::Pass { .. }], ..) => Ruling::Stand(Stand::Accept),
            (_, 2.., _) => Ruling::Stand(Stand::Reject(self.reason())),
            (_, 1, 2..) => Ruling::Stand(Stand::Accept),
            (votes, ..) if votes.len() >= VOTES_MAX => Ruling::Stand(self.undecided()),
            _ if leaf_differs => Ruling::Ask(Need::ClassMate, self.undecided()),
            _ => Ruling::Ask(Need::Another, self.undecided()),
        }
    }

    /// Indices of votes that a decision went against.
    pub fn outvoted(&self) -> Vec<usize> {
        let accepted = match self.ruling() {
            Ruling::Stand(Stand::Accept) => true,
            Ruling::Stand(Stand::Reject(_)) => false,
            _ => return Vec::new(),
        };
        let wrong = |vote: &Vote| match vote {
            Vote::Pass { exact } => !accepted && (*exact || !self.only_leaves_differ()),
            Vote::Fail(_) | Vote::LeafDiffers => accepted,
        };
        self.votes.iter().enumerate().filter(|(_, vote)| wrong(vote)).map(|(index, _)| index).collect()
    }

    fn refuting(&self, leaf_differs: bool) -> usize {
        self.votes.iter().filter(|vote| matches!(vote, Vote::Pass { exact } if *exact || !leaf_differs)).count()
    }

    fn only_leaves_differ(&self) -> bool {
        !self.votes.iter().any(|vote| matches!(vote, Vote::Fail(_)))
    }

    /// The first failing vote's reason; that of a differing leaf if nothing weightier was found.
    fn reason(&self) -> Reason {
        let failed =
            self.votes.iter().find_map(|vote| if let Vote::Fail(reason) = vote { Some(*reason) } else { None });
        failed.unwrap_or(Reason::ExactLeaf)
    }

    /// What stands if nobody else can be asked.
    fn undecided(&self) -> Stand {
        match self.votes.as_slice() {
            [Vote::Fail(reason)] => Stand::Reject(*reason),
            _ if self.only_leaves_differ() && self.refuting(true) == 0 => Stand::Inconclusive(Reason::ExactLeaf),
            _ => Stand::Inconclusive(Reason::Split),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASS: Vote = Vote::Pass { exact: false };
    const EXACT: Vote = Vote::Pass { exact: true };
    const FAIL: Vote = Vote::Fail(Reason::Ks);
    const LEAF: Vote = Vote::LeafDiffers;

    fn after(votes: &[Vote]) -> Confirmation {
        let mut confirmation = Confirmation::default();
        votes.iter().for_each(|vote| confirmation.push(*vote));
        confirmation
    }

    #[test]
    fn every_path_ends_where_the_rule_says() {
        use Ruling::{Ask, Stand as Done};
        use Stand::{Accept, Inconclusive, Reject};
        let table: &[(&[Vote], Ruling)] = &[
            (&[], Ask(Need::First, Inconclusive(Reason::NoReport))),
            (&[PASS], Done(Accept)),
            (&[EXACT], Done(Accept)),
            (&[FAIL], Ask(Need::Another, Reject(Reason::Ks))),
            (&[FAIL, FAIL], Done(Reject(Reason::Ks))),
            (&[FAIL, PASS], Ask(Need::Another, Inconclusive(Reason::Split))),
            (&[FAIL, PASS, FAIL], Done(Reject(Reason::Ks))),
            (&[FAIL, PASS, PASS], Done(Accept)),
            (&[LEAF], Ask(Need::ClassMate, Inconclusive(Reason::ExactLeaf))),
            (&[LEAF, LEAF], Done(Reject(Reason::ExactLeaf))),
            (&[LEAF, FAIL], Done(Reject(Reason::Ks))),
            (&[FAIL, LEAF], Done(Reject(Reason::Ks))),
            (&[LEAF, EXACT], Ask(Need::ClassMate, Inconclusive(Reason::Split))),
            (&[LEAF, EXACT, EXACT], Done(Accept)),
            (&[LEAF, EXACT, LEAF], Done(Reject(Reason::ExactLeaf))),
            (&[LEAF, PASS], Ask(Need::ClassMate, Inconclusive(Reason::ExactLeaf))),
            (&[LEAF, PASS, PASS], Done(Inconclusive(Reason::ExactLeaf))),
            (&[LEAF, PASS, LEAF], Done(Reject(Reason::ExactLeaf))),
            (&[LEAF, PASS, EXACT], Done(Inconclusive(Reason::Split))),
        ];
        for (votes, expected) in table {
            assert_eq!(after(votes).ruling(), *expected, "{votes:?}");
        }
    }

    #[test]
    fn the_outvoted_are_named() {
        assert_eq!(after(&[FAIL, PASS, PASS]).outvoted(), [0]);
        assert_eq!(after(&[FAIL, PASS, FAIL]).outvoted(), [1]);
        assert_eq!(after(&[LEAF, EXACT, LEAF]).outvoted(), [1]);
        assert_eq!(after(&[LEAF, PASS, LEAF]).outvoted(), Vec::<usize>::new(), "a tolerance pass did not contradict");
        assert_eq!(after(&[FAIL, PASS]).outvoted(), Vec::<usize>::new());
        assert_eq!(after(&[PASS]).outvoted(), Vec::<usize>::new());
    }

    #[test]
    fn no_lone_vote_rejects_by_an_exact_mismatch_and_no_path_is_longer_than_three() {
        let all = [PASS, EXACT, FAIL, LEAF];
        for a in all {
            for b in all {
                for c in all {
                    let confirmation = after(&[a, b, c]);
                    assert!(matches!(confirmation.ruling(), Ruling::Stand(_)), "{a:?} {b:?} {c:?}");
                    let against = confirmation.votes().iter().filter(|vote| !matches!(vote, Vote::Pass { .. })).count();
                    let rejected = matches!(confirmation.ruling(), Ruling::Stand(Stand::Reject(_)));
                    assert_eq!(rejected, against >= 2, "{a:?} {b:?} {c:?}");
                }
            }
        }
    }
}
