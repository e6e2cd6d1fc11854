//! The program's refusals. Order is number (from 6000): append only. `chain/interface` mirrors the list, and a test in
//! `chain/tests` holds the two together and provokes each.

use anchor_lang::prelude::*;

#[error_code]
pub enum ChainError {
    #[msg("the split does not sum to 10000 basis points")]
    SplitSumWrong,
    #[msg("the maker's share is reserved and must be 0")]
    MakerShareReserved,
    #[msg("alpha is over 1000000 ppm")]
    AlphaOutOfRange,
    #[msg("the beacon period is 0")]
    BeaconPeriodZero,
    #[msg("the minimum stake is 0")]
    MinStakeZero,
    #[msg("the stake is under the minimum")]
    StakeTooLow,
    #[msg("the endpoint is empty or longer than 64 bytes")]
    EndpointInvalid,
    #[msg("the validator set is full")]
    ValidatorSetFull,
    #[msg("the signer is not the admin")]
    AdminWrong,
    #[msg("the model id is not ogong/<verified|tee>/<maker>/<model>")]
    ModelIdInvalid,
    #[msg("the order does not parse")]
    OrderMalformed,
    #[msg("the order's version is unknown")]
    OrderVersionUnknown,
    #[msg("the order is for another network")]
    OrderNetworkWrong,
    #[msg("the order is for another program")]
    OrderProgramWrong,
    #[msg("the order's owner is not the signer")]
    OrderOwnerWrong,
    #[msg("the order's deadline has passed")]
    OrderDeadlinePassed,
    #[msg("the escrow is settled or refunded already")]
    EscrowNotOpen,
    #[msg("the stake epoch is neither the current one nor the one before within its grace")]
    StakeEpochWrong,
    #[msg("a co-signer did not sign")]
    CosignerUnsigned,
    #[msg("a co-signer is not in the validator set")]
    CosignerUnregistered,
    #[msg("a co-signer is named twice")]
    CosignerRepeated,
    #[msg("the signers hold two thirds of the stake or less")]
    QuorumNotReached,
    #[msg("the outcome is neither accept nor not-selected")]
    OutcomeNotPayable,
    #[msg("more tokens billed than the order allows")]
    BilledOverMax,
    #[msg("the settlement has expired")]
    SettleExpired,
    #[msg("the expiry is after the order's deadline")]
    ExpiryAfterDeadline,
    #[msg("the order's deadline has not passed")]
    DeadlineNotPassed,
    #[msg("the provider's token account is not its payout's")]
    ProviderPayeeWrong,
    #[msg("the router's token account is not its payout's")]
    RouterPayeeWrong,
    #[msg("the validator's token account is not its fee owner's")]
    ValidatorPayeeWrong,
    #[msg("the verifier's token account is not its payout's")]
    VerifierPayeeWrong,
    #[msg("the owner's token account is not the escrow owner's")]
    OwnerPayeeWrong,
    #[msg("an amount overflows 64 bits")]
    AmountOverflow,
    #[msg("the mint would pass its cap")]
    CapExceeded,
    #[msg("the epoch's length is 0")]
    EpochLengthZero,
    #[msg("the cooldown is shorter than 2 epochs")]
    CooldownTooShort,
    #[msg("the epoch is not over")]
    EpochNotOver,
    #[msg("the amount is 0")]
    AmountZero,
    #[msg("more is taken out than is staked")]
    UnstakeOverStake,
    #[msg("nothing is cooling down")]
    NothingToWithdraw,
    #[msg("the cooldown is not over")]
    CooldownNotOver,
    #[msg("the operator was ejected")]
    OperatorEjected,
    #[msg("the role is none of provider, router, verifier")]
    RoleUnknown,
    #[msg("more than 8 models, or models of a role that serves none")]
    ModelsInvalid,
    #[msg("the BLS key's proof of possession does not verify")]
    BlsProofInvalid,
    #[msg("the registration has another role, node id or payout than the order names")]
    OperatorMismatch,
    #[msg("the deposit holds less than the amount")]
    DepositTooLow,
    #[msg("the signer is not the deposit's delegate")]
    DelegateWrong,
    #[msg("the outcome is not reject")]
    OutcomeNotReject,
    #[msg("a reject bills tokens")]
    RejectBills,
    #[msg("the request hash is not the order's")]
    RequestHashWrong,
    #[msg("more tokens counted than billed")]
    CountedOverBilled,
    #[msg("more than 3 verifiers, or one named twice")]
    VerifiersInvalid,
    #[msg("no settlement of the escrow waits for its release")]
    EscrowNotDecided,
    #[msg("the work account is of another operator, role or epoch")]
    WorkWrong,
    #[msg("a registered operator's work account is missing")]
    WorkMissing,
    #[msg("the approvals are of another digest or epoch")]
    ApprovalsWrong,
    #[msg("the approvals can still be used")]
    ApprovalsInUse,
    #[msg("the batch is empty")]
    BatchEmpty,
    #[msg("the batch can still be used")]
    BatchInUse,
    #[msg("the inclusion proof does not lead to the batch's root")]
    BatchProofWrong,
    #[msg("a cohort has 2 to 8 shards")]
    CohortSizeWrong,
    #[msg("the shards' amounts do not sum to the provider's share")]
    CohortNotConserved,
    #[msg("the cohort is another reply's, or the settlement has none")]
    CohortWrong,
    #[msg("the settlement names no such verifier")]
    VerifierNotNamed,
    #[msg("the verifier has been paid for this reply")]
    VerifierPaid,
    #[msg("the reserve holds less than the verifier's fee")]
    ReserveTooLow,
    #[msg("the registration is of another role")]
    RoleWrong,
    #[msg("a provider's stake is priority and cannot be slashed")]
    ProviderStakeNotSlashable,
    #[msg("the part does not continue the key, or is too long")]
    NodeKeyOffset,
    #[msg("the key does not hash to the node id")]
    NodeKeyWrong,
    #[msg("the key is not complete, or is of another node")]
    NodeKeyUnverified,
    #[msg("the instruction in front is not the Ed25519 precompile")]
    EvidenceUnsigned,
    #[msg("a signature points outside its own instruction")]
    EvidenceOffsets,
    #[msg("a signature is not the culprit's")]
    EvidenceKeyWrong,
    #[msg("a signed statement is of another kind, network or program")]
    EvidenceForeign,
    #[msg("a signed statement does not parse")]
    EvidenceMalformed,
    #[msg("the statements prove nothing against the culprit")]
    EvidenceInnocent,
    #[msg("the honeypot was planted after the word was given")]
    HoneypotTooLate,
    #[msg("the case was decided already")]
    CaseClosed,
    #[msg("the emission cap is over 10000 basis points")]
    EmissionCapOutOfRange,
    #[msg("work can still be counted in the epoch")]
    EpochNotClosed,
    #[msg("the validator has claimed already")]
    EmissionClaimed,
    #[msg("more than was approved, or than the curve has released")]
    EmissionExceeded,
    #[msg("the token account is not the earner's")]
    ClaimPayeeWrong,
    #[msg("the round did not begin in the epoch")]
    LivenessRoundWrong,
    #[msg("the answer was given before the round began, after the deadline, or in the future")]
    LivenessLate,
    #[msg("the round does not challenge the provider")]
    LivenessNotDrawn,
    #[msg("the round, or a later one, was credited already")]
    LivenessRepeated,
    #[msg("the escrow is neither settled nor refunded")]
    EscrowNotOver,
    #[msg("a verifier that the escrow names is not paid yet")]
    VerifierOwed,
}
