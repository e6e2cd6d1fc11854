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
    StakeEpochWrong "the stake epoch is neither the current one nor the one before within its grace"
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
    VerifierPayeeWrong "the verifier's token account is not its payout's"
    OwnerPayeeWrong "the owner's token account is not the escrow owner's"
    AmountOverflow "an amount overflows 64 bits"
    CapExceeded "the mint would pass its cap"
    EpochLengthZero "the epoch's length is 0"
    CooldownTooShort "the cooldown is shorter than 2 epochs"
    EpochNotOver "the epoch is not over"
    AmountZero "the amount is 0"
    UnstakeOverStake "more is taken out than is staked"
    NothingToWithdraw "nothing is cooling down"
    CooldownNotOver "the cooldown is not over"
    OperatorEjected "the operator was ejected"
    RoleUnknown "the role is none of provider, router, verifier"
    ModelsInvalid "more than 8 models, or models of a role that serves none"
    BlsProofInvalid "the BLS key's proof of possession does not verify"
    OperatorMismatch "the registration has another role, node id or payout than the order names"
    DepositTooLow "the deposit holds less than the amount"
    DelegateWrong "the signer is not the deposit's delegate"
    OutcomeNotReject "the outcome is not reject"
    RejectBills "a reject bills tokens"
    RequestHashWrong "the request hash is not the order's"
    CountedOverBilled "more tokens counted than billed"
    VerifiersInvalid "more than 3 verifiers, or one named twice"
    EscrowNotDecided "no settlement of the escrow waits for its release"
    WorkWrong "the work account is of another operator, role or epoch"
    WorkMissing "a registered operator's work account is missing"
    ApprovalsWrong "the approvals are of another digest or epoch"
    ApprovalsInUse "the approvals can still be used"
    BatchEmpty "the batch is empty"
    BatchInUse "the batch can still be used"
    BatchProofWrong "the inclusion proof does not lead to the batch's root"
    CohortSizeWrong "a cohort has 2 to 8 shards"
    CohortNotConserved "the shards' amounts do not sum to the provider's share"
    CohortWrong "the cohort is another reply's, or the settlement has none"
    VerifierNotNamed "the settlement names no such verifier"
    VerifierPaid "the verifier has been paid for this reply"
    ReserveTooLow "the reserve holds less than the verifier's fee"
    RoleWrong "the registration is of another role"
    ProviderStakeNotSlashable "a provider's stake is priority and cannot be slashed"
    NodeKeyOffset "the part does not continue the key, or is too long"
    NodeKeyWrong "the key does not hash to the node id"
    NodeKeyUnverified "the key is not complete, or is of another node"
    EvidenceUnsigned "the instruction in front is not the Ed25519 precompile"
    EvidenceOffsets "a signature points outside its own instruction"
    EvidenceKeyWrong "a signature is not the culprit's"
    EvidenceForeign "a signed statement is of another kind, network or program"
    EvidenceMalformed "a signed statement does not parse"
    EvidenceInnocent "the statements prove nothing against the culprit"
    HoneypotTooLate "the honeypot was planted after the word was given"
    CaseClosed "the case was decided already"
    EmissionCapOutOfRange "the emission cap is over 10000 basis points"
    EpochNotClosed "work can still be counted in the epoch"
    EmissionClaimed "the validator has claimed already"
    EmissionExceeded "more than was approved, or than the curve has released"
    ClaimPayeeWrong "the token account is not the earner's"
    LivenessRoundWrong "the round did not begin in the epoch"
    LivenessLate "the answer was given before the round began, after the deadline, or in the future"
    LivenessNotDrawn "the round does not challenge the provider"
    LivenessRepeated "the round, or a later one, was credited already"
    EscrowNotOver "the escrow is neither settled nor refunded"
    VerifierOwed "a verifier that the escrow names is not paid yet"
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
