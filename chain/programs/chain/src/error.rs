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
    #[msg("the stake epoch is not the current one")]
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
    #[msg("the reserve's token account is not the reserve owner's")]
    ReservePayeeWrong,
    #[msg("the owner's token account is not the escrow owner's")]
    OwnerPayeeWrong,
    #[msg("an amount overflows 64 bits")]
    AmountOverflow,
    #[msg("the mint would pass its cap")]
    CapExceeded,
}
