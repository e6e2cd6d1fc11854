//! The program's own error numbers (`6000 +` position, as Anchor counts). Anchor's and SPL Token's refusals keep theirs.

/// The first number that belongs to the program.
pub const FIRST: u32 = 6000;

/// The custom error of the system program when an account that an instruction creates is there already: a validator
/// registered twice, an escrow opened twice, the chain initialized twice.
pub const ACCOUNT_IN_USE: u32 = 0;

macro_rules! chain_errors {
    ($($name:ident $message:literal)*) => {
        /// Why the program refused an instruction. Order is number: append only.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
        #[repr(u32)]
        #[non_exhaustive]
        pub enum ChainError {
            $(#[doc = $message] #[error($message)] $name),*
        }

        impl ChainError {
            /// Every error, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name in the program's logs.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }
        }
    };
}

chain_errors! {
    SplitSumWrong "the split does not sum to 10000 basis points"
    MakerShareReserved "the maker's share is reserved and must be 0"
    AlphaOutOfRange "alpha is over 1000000 ppm"
    BeaconPeriodZero "the beacon period is 0"
    MinStakeZero "the minimum stake is 0"
    StakeTooLow "the stake is under the minimum"
    EndpointInvalid "the endpoint is empty or longer than 64 bytes"
    ValidatorSetFull "the validator set is full"
    AdminWrong "the signer is not the admin"
    ModelIdInvalid "the model id is not ogong/<verified|tee>/<maker>/<model>"
    OrderMalformed "the order does not parse"
    OrderVersionUnknown "the order's version is unknown"
    OrderNetworkWrong "the order is for another network"
    OrderProgramWrong "the order is for another program"
    OrderOwnerWrong "the order's owner is not the signer"
    OrderDeadlinePassed "the order's deadline has passed"
    EscrowNotOpen "the escrow is settled or refunded already"
    StakeEpochWrong "the stake epoch is not the current one"
    CosignerUnsigned "a co-signer did not sign"
    CosignerUnregistered "a co-signer is not in the validator set"
    CosignerRepeated "a co-signer is named twice"
    QuorumNotReached "the signers hold two thirds of the stake or less"
    OutcomeNotPayable "the outcome is neither accept nor not-selected"
    BilledOverMax "more tokens billed than the order allows"
    SettleExpired "the settlement has expired"
    ExpiryAfterDeadline "the expiry is after the order's deadline"
    DeadlineNotPassed "the order's deadline has not passed"
    ProviderPayeeWrong "the provider's token account is not its payout's"
    RouterPayeeWrong "the router's token account is not its payout's"
    ValidatorPayeeWrong "the validator's token account is not its fee owner's"
    ReservePayeeWrong "the reserve's token account is not the reserve owner's"
    OwnerPayeeWrong "the owner's token account is not the escrow owner's"
    AmountOverflow "an amount overflows 64 bits"
    CapExceeded "the mint would pass its cap"
}

impl ChainError {
    /// The number that a failed transaction reports as `Custom(n)`.
    pub fn number(self) -> u32 {
        FIRST + self as u32
    }

    /// The error of a number, if it is one of the program's.
    pub fn from_number(number: u32) -> Option<Self> {
        let position = usize::try_from(number.checked_sub(FIRST)?).ok()?;
        Self::ALL.get(position).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::ChainError;

    #[test]
    fn numbers_round_trip() {
        for (position, error) in (0u32..).zip(ChainError::ALL) {
            assert_eq!(error.number(), 6000 + position);
            assert_eq!(ChainError::from_number(error.number()), Some(*error));
        }
        let past = 6000 + u32::try_from(ChainError::ALL.len()).expect("invariant: few errors");
        assert_eq!(ChainError::from_number(past), None);
        assert_eq!(ChainError::from_number(5999), None);
    }
}
