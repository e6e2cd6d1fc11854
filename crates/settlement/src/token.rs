//! Amounts of OGONG as text, and a transfer between wallets. Nobody mints here: the mint is the program's (SPEC 9.11).

use ogong_base::codec::Writer;
use ogong_chain_interface::{
    AccountMeta, Address, Instruction,
    token::{TOKEN_PROGRAM_ID, associated_token},
};

/// Decimals of OGONG: 5·10⁹ tokens of 10⁹ atoms fit 64 bits.
pub const DECIMALS: u8 = 9;
/// Atoms of one token.
pub const ATOMS_PER_TOKEN: u64 = 1_000_000_000;
/// Cap of the supply in tokens.
pub const SUPPLY_TOKENS_MAX: u64 = 5_000_000_000;
const _: () = {
    assert!(ATOMS_PER_TOKEN == 10u64.pow(DECIMALS as u32));
    assert!(SUPPLY_TOKENS_MAX.checked_mul(ATOMS_PER_TOKEN).is_some());
};

/// Moves `atoms` between the associated token accounts of two wallets.
pub fn transfer(mint: &Address, from: &Address, to: &Address, atoms: u64) -> Instruction {
    transfer_into(mint, from, &associated_token(to, mint), atoms)
}

/// Moves `atoms` from a wallet's associated token account into any other token account.
pub fn transfer_into(mint: &Address, from: &Address, account: &Address, atoms: u64) -> Instruction {
    let mut data = Writer::new();
    data.u8(3).u64(atoms);
    Instruction {
        program_id: TOKEN_PROGRAM_ID,
        accounts: vec![
            AccountMeta::new(associated_token(from, mint), false),
            AccountMeta::new(*account, false),
            AccountMeta::new_readonly(*from, true),
        ],
        data: data.finish(),
    }
}

/// Parses an amount of tokens such as `12` or `0.5` into atoms.
///
/// # Errors
/// A sentence for the user.
pub fn atoms_from_text(text: &str) -> Result<u64, String> {
    let refuse = || format!("{text:?} is no amount: expected tokens such as 12 or 0.5, at most {DECIMALS} decimals");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > usize::from(DECIMALS) {
        return Err(refuse());
    }
    let whole: u64 = whole.parse().map_err(|_| refuse())?;
    let fraction: u64 = format!("{fraction:0<width$}", width = usize::from(DECIMALS)).parse().map_err(|_| refuse())?;
    whole.checked_mul(ATOMS_PER_TOKEN).and_then(|atoms| atoms.checked_add(fraction)).ok_or_else(refuse)
}

/// Writes atoms as tokens, without trailing zeroes.
pub fn tokens_text(atoms: u64) -> String {
    let (whole, fraction) = (atoms / ATOMS_PER_TOKEN, atoms % ATOMS_PER_TOKEN);
    if fraction == 0 {
        return whole.to_string();
    }
    let fraction = format!("{fraction:0width$}", width = usize::from(DECIMALS));
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_round_trip() {
        for (text, atoms) in [
            ("0", 0),
            ("1", 1_000_000_000),
            ("0.5", 500_000_000),
            ("5000000000", 5_000_000_000_000_000_000),
            ("0.000000001", 1),
        ] {
            assert_eq!(atoms_from_text(text), Ok(atoms));
            assert_eq!(tokens_text(atoms), text);
        }
        assert_eq!(atoms_from_text("1."), Ok(ATOMS_PER_TOKEN));
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", ".", ".5", "-1", "+1", "1e9", "0.0000000001", "1.2.3", "1 ", "99999999999", "1.+5"] {
            assert!(atoms_from_text(text).is_err(), "{text:?}");
        }
    }
}
