//! Fee and its division (SPEC 2.4, 9.5): pure integers, nothing lost and nothing made.
//!
//! `fee = min(max_fee, ⌊(n_prompt·price_prompt + n_billed·price_completion) / 1000⌋)`; each share is floored and the
//! remainder goes to the provider; `max_fee − fee` returns to the owner.

use ogong_base::params::BASIS_POINTS;

use crate::error::Error;

/// Tokens a price is stated for (SPEC 2.2).
pub const PRICE_TOKENS: u128 = 1_000;

/// What an answer costs by an escrow's terms, in atoms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Atoms per 1,000 prompt tokens.
    pub price_prompt: u64,
    /// Atoms per 1,000 billed tokens.
    pub price_completion: u64,
    /// Atoms in the escrow.
    pub max_fee: u64,
}

impl Terms {
    /// The fee for `n_prompt` and `n_billed` tokens, never over `max_fee`.
    pub fn fee(&self, n_prompt: u32, n_billed: u32) -> u64 {
        let prompt = u128::from(n_prompt) * u128::from(self.price_prompt);
        let billed = u128::from(n_billed) * u128::from(self.price_completion);
        // Two products of 32 and 64 bits: their sum stays far below 128.
        let fee = (prompt + billed) / PRICE_TOKENS;
        u64::try_from(fee).unwrap_or(u64::MAX).min(self.max_fee)
    }
}

/// Atoms for each payee of a settle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// Its share and every remainder.
    pub provider: u64,
    /// The router that introduced the provider.
    pub router: u64,
    /// The validator that handled the settlement.
    pub validator: u64,
    /// The verification reserve.
    pub reserve: u64,
    /// What was not spent: back to the owner.
    pub change: u64,
}

impl Split {
    /// Divides `fee` out of `max_fee` by `split_bps` (provider, router, validator, reserve, maker).
    ///
    /// # Errors
    /// [`Error::SplitWrong`] when the shares do not sum to 10,000 or the maker's is not 0, [`Error::FeeOverEscrow`] when
    /// the fee is more than the escrow holds.
    pub fn of(fee: u64, max_fee: u64, split_bps: &[u16; 5]) -> Result<Self, Error> {
        let [_, router_bps, validator_bps, reserve_bps, maker_bps] = *split_bps;
        let total: u32 = split_bps.iter().copied().map(u32::from).sum();
        if total != u32::from(BASIS_POINTS) || maker_bps != 0 {
            return Err(Error::SplitWrong { split_bps: *split_bps });
        }
        let change = max_fee.checked_sub(fee).ok_or(Error::FeeOverEscrow { fee, max_fee })?;
        let (router, validator, reserve) = (share(fee, router_bps), share(fee, validator_bps), share(fee, reserve_bps));
        // Three floored shares of at most the whole cannot exceed it.
        let provider = fee - router - validator - reserve;
        Ok(Self { provider, router, validator, reserve, change })
    }

    /// Everything that leaves the vault.
    pub fn total(&self) -> u128 {
        [self.provider, self.router, self.validator, self.reserve, self.change].into_iter().map(u128::from).sum()
    }
}

/// `⌊fee·bps / 10000⌋`.
fn share(fee: u64, bps: u16) -> u64 {
    let share = u128::from(fee) * u128::from(bps) / u128::from(BASIS_POINTS);
    u64::try_from(share).expect("invariant: a share of at most the whole fits what the whole fits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOOK: [u16; 5] = [8_500, 500, 500, 500, 0];

    #[test]
    fn the_book_split_of_a_round_fee() {
        let split = Split::of(1_000_000, 1_500_000, &BOOK).expect("valid");
        assert_eq!(
            split,
            Split { provider: 850_000, router: 50_000, validator: 50_000, reserve: 50_000, change: 500_000 }
        );
    }

    #[test]
    fn floors_go_to_the_provider() {
        let split = Split::of(19, 19, &BOOK).expect("valid");
        assert_eq!(split, Split { provider: 19, router: 0, validator: 0, reserve: 0, change: 0 });
        let split = Split::of(39, 40, &BOOK).expect("valid");
        assert_eq!(split, Split { provider: 36, router: 1, validator: 1, reserve: 1, change: 1 });
    }

    #[test]
    fn wrong_splits_and_overdrawn_escrows_are_refused() {
        assert!(matches!(Split::of(1, 1, &[8_500, 500, 500, 499, 0]), Err(Error::SplitWrong { .. })));
        assert!(matches!(Split::of(1, 1, &[8_400, 500, 500, 500, 100]), Err(Error::SplitWrong { .. })));
        assert!(matches!(Split::of(1, 1, &[u16::MAX; 5]), Err(Error::SplitWrong { .. })));
        assert!(matches!(Split::of(2, 1, &BOOK), Err(Error::FeeOverEscrow { fee: 2, max_fee: 1 })));
    }

    #[test]
    fn the_fee_is_floored_and_capped() {
        let terms = Terms { price_prompt: 100, price_completion: 300, max_fee: 50 };
        assert_eq!(terms.fee(9, 0), 0);
        assert_eq!(terms.fee(10, 3), 1);
        assert_eq!(terms.fee(10, 100), 31);
        assert_eq!(terms.fee(1_000, 1_000), 50);
        let dear = Terms { price_prompt: u64::MAX, price_completion: u64::MAX, max_fee: u64::MAX };
        assert_eq!(dear.fee(u32::MAX, u32::MAX), u64::MAX);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_made(
            max_fee: u64,
            fee_share in 0u64..=u64::MAX,
            cuts in prop::array::uniform3(0u16..=10_000),
        ) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            let bps = [10_000 - cuts[2], cuts[0], cuts[1] - cuts[0], cuts[2] - cuts[1], 0];
            let fee = u64::try_from(u128::from(max_fee) * u128::from(fee_share) / u128::from(u64::MAX)).expect("a part");
            let split = Split::of(fee, max_fee, &bps).expect("valid");
            prop_assert_eq!(split.total(), u128::from(max_fee));
            prop_assert_eq!(split.change, max_fee - fee);
            prop_assert!(split.provider >= share(fee, bps[0]));
            prop_assert!(split.provider - share(fee, bps[0]) <= 3, "at most one atom a floored share");
        }
    }
}
