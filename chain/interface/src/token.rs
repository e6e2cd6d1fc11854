//! What a client needs of SPL Token: a wallet's associated token account, its creation, and what a token account holds.

use crate::bytes::{DecodeError, Reader, Writer};
use crate::instruction::{meta, meta_mut, signer_mut};
use crate::{Address, Instruction};

/// SPL Token.
pub const TOKEN_PROGRAM_ID: Address = Address::from_str_const("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");

/// SPL Associated Token Account.
pub const ASSOCIATED_TOKEN_PROGRAM_ID: Address =
    Address::from_str_const("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL");

/// The system program.
pub const SYSTEM_PROGRAM_ID: Address = Address::new_from_array([0; 32]);

/// Where `owner` keeps its tokens of `mint` by convention.
pub fn associated_token(owner: &Address, mint: &Address) -> Address {
    let seeds: [&[u8]; 3] = [owner.as_array(), TOKEN_PROGRAM_ID.as_array(), mint.as_array()];
    Address::find_program_address(&seeds, &ASSOCIATED_TOKEN_PROGRAM_ID).0
}

/// Creates that account at `payer`'s expense, or does nothing where it exists. A settle to a payee without a token account
/// fails, so a handler puts this in front of it.
pub fn create_associated_token(payer: &Address, owner: &Address, mint: &Address) -> Instruction {
    Instruction {
        program_id: ASSOCIATED_TOKEN_PROGRAM_ID,
        accounts: vec![
            signer_mut(payer),
            meta_mut(&associated_token(owner, mint)),
            meta(owner),
            meta(mint),
            meta(&SYSTEM_PROGRAM_ID),
            meta(&TOKEN_PROGRAM_ID),
        ],
        data: Writer::empty().u8(1).finish(),
    }
}

/// The part of a token account that matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenAccount {
    /// Of which token.
    pub mint: Address,
    /// The wallet that may spend it.
    pub owner: Address,
    /// Atoms.
    pub amount: u64,
}

/// The part of a mint that matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mint {
    /// Who may mint.
    pub authority: Option<Address>,
    /// Atoms that exist.
    pub supply: u64,
    /// Decimals of one token.
    pub decimals: u8,
    /// Who may freeze accounts.
    pub freeze_authority: Option<Address>,
}

impl Mint {
    /// # Errors
    /// If `data` is not an initialised SPL Token mint.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        const LENGTH: usize = 82;
        if data.len() != LENGTH {
            return Err(DecodeError::Range("mint"));
        }
        let mut r = Reader::plain(data);
        let some = |tag: u32, key: Address| (tag == 1).then_some(key);
        let authority = some(r.u32()?, r.address()?);
        let (supply, decimals) = (r.u64()?, r.u8()?);
        match r.u8()? {
            1 => Ok(Self { authority, supply, decimals, freeze_authority: some(r.u32()?, r.address()?) }),
            _ => Err(DecodeError::Range("mint")),
        }
    }
}

impl TokenAccount {
    /// # Errors
    /// If `data` is not an initialised SPL Token account.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        const LENGTH: usize = 165;
        const STATE_AT: usize = 108;
        if data.len() != LENGTH || data.get(STATE_AT) == Some(&0) {
            return Err(DecodeError::Range("token account"));
        }
        let mut r = Reader::plain(data);
        Ok(Self { mint: r.address()?, owner: r.address()?, amount: r.u64()? })
    }
}
