//! SPL Token accounts put into the chain as bytes, so that the tests need no minting.

use ogong_chain_interface::Address;
use ogong_chain_interface::token::TOKEN_PROGRAM_ID;
use solana_account::Account;

fn account(data: Vec<u8>) -> Account {
    Account { lamports: 10_000_000, data, owner: TOKEN_PROGRAM_ID, executable: false, rent_epoch: 0 }
}

/// A token account of `owner`.
pub fn holding(mint: &Address, owner: &Address, amount: u64) -> Account {
    let mut data = vec![0; 165];
    data[..32].copy_from_slice(mint.as_array());
    data[32..64].copy_from_slice(owner.as_array());
    data[64..72].copy_from_slice(&amount.to_le_bytes());
    data[108] = 1;
    account(data)
}
