//! What is paid on top for a place in a block.
//!
//! A leader sorts by price, in micro-lamports per compute unit. What transactions on the same accounts paid of late is asked of
//! the node; each blockhash that ran out doubles it; a maximum bounds it. On a chain where nobody pays, nothing is added.

use ogong_chain_interface::{Address, Instruction};

use super::Chain;

/// The most that is paid unless said otherwise: 20,000 lamports, or four signatures, for 200,000 units.
pub const PRIORITY_FEE_MAX_DEFAULT: u64 = 100_000;
/// What a transaction pays that expired although nobody else seemed to pay.
const FIRST_RAISE: u64 = 1_000;
/// The node takes no more accounts.
const ACCOUNTS_MAX: usize = 128;
impl Chain {
    /// Pays at most this many micro-lamports per compute unit for what it sends; 0 pays nothing on top.
    #[must_use]
    pub fn with_priority_fee_max(self, micro_lamports: u64) -> Self {
        Self { priority_fee_max: micro_lamports, ..self }
    }

    /// The price for an attempt at something, counted from 0. A node that does not say costs nothing.
    pub async fn price(&self, instructions: &[Instruction], attempt: u32) -> u64 {
        if self.priority_fee_max == 0 {
            return 0;
        }
        let mut accounts: Vec<Address> = instructions
            .iter()
            .flat_map(|instruction| &instruction.accounts)
            .filter(|meta| meta.is_writable)
            .map(|meta| meta.pubkey)
            .collect();
        accounts.sort_unstable();
        accounts.dedup();
        accounts.truncate(ACCOUNTS_MAX);
        let paid = self.rpc.recent_priority_fees(&accounts).await.unwrap_or_default();
        raised(upper_quartile(paid), attempt).min(self.priority_fee_max)
    }
}

fn upper_quartile(mut paid: Vec<u64>) -> u64 {
    paid.sort_unstable();
    paid.get(paid.len() * 3 / 4).copied().unwrap_or_default()
}

fn raised(price: u64, attempt: u32) -> u64 {
    let floor = if attempt == 0 { 0 } else { FIRST_RAISE };
    price.max(floor).saturating_mul(1 << attempt.min(16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_follows_what_others_pay_and_rises_with_each_attempt() {
        assert_eq!(upper_quartile(Vec::new()), 0);
        assert_eq!(upper_quartile(vec![0, 0, 0, 9]), 9);
        assert_eq!(upper_quartile(vec![5, 1, 2, 9, 0, 0, 0, 0]), 5);
        assert_eq!((raised(0, 0), raised(0, 1), raised(0, 2)), (0, 2_000, 4_000));
        assert_eq!((raised(700, 0), raised(7_000, 1)), (700, 14_000));
    }
}
