//! The instruction that pays for a place in a block, in micro-lamports per compute unit.

use ogong_chain_interface::{Address, Instruction};

/// `ComputeBudget111111111111111111111111111111`.
pub const COMPUTE_BUDGET: Address = Address::new_from_array([
    3, 6, 70, 111, 229, 33, 23, 50, 255, 236, 173, 186, 114, 195, 155, 231, 188, 140, 229, 187, 197, 247, 18, 107, 44,
    67, 155, 58, 64, 0, 0, 0,
]);
/// `SetComputeUnitPrice`.
const SET_PRICE: u8 = 3;

/// The instructions with a price before them; a price of 0 adds nothing.
pub fn priced(instructions: &[Instruction], price: u64) -> Vec<Instruction> {
    let set = (price > 0).then(|| Instruction {
        program_id: COMPUTE_BUDGET,
        accounts: Vec::new(),
        data: [[SET_PRICE].as_slice(), &price.to_le_bytes()].concat(),
    });
    set.into_iter().chain(instructions.iter().cloned()).collect()
}

/// The price that an instruction of the compute budget's program sets, if it sets one.
pub fn price_of(data: &[u8]) -> Option<u64> {
    let (set, price) = data.split_first()?;
    (*set == SET_PRICE).then(|| price.try_into().ok().map(u64::from_le_bytes)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_instruction_is_the_compute_budgets() {
        assert_eq!(COMPUTE_BUDGET.to_string(), "ComputeBudget111111111111111111111111111111");
        assert!(priced(&[], 0).is_empty());
        let set = priced(&[], 258).pop().expect("one").data;
        assert_eq!(set, vec![3, 2, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(price_of(&set), Some(258));
        assert_eq!((price_of(&set[..8]), price_of(&[2; 9]), price_of(&[])), (None, None, None));
    }
}
