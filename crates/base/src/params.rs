//! Every constant of the protocol, once, with unit and source, held together by const assertions.

/// Protocol version byte of every format (SPEC §2, §3, §5).
pub const VERSION: u8 = 1;

// -- identity (SPEC §1)

/// Bytes of an Ed25519 public key.
pub const ED25519_PUBLIC_BYTES: usize = 32;
/// Bytes of an Ed25519 signature.
pub const ED25519_SIGNATURE_BYTES: usize = 64;
/// Bytes of an ML-DSA-44 public key (FIPS 204, table 2).
pub const MLDSA_PUBLIC_BYTES: usize = 1312;
/// Bytes of an ML-DSA-44 signature (FIPS 204, table 2).
pub const MLDSA_SIGNATURE_BYTES: usize = 2420;
/// Bytes of a node's public key (SPEC 1.1).
pub const NODE_PUBLIC_BYTES: usize = ED25519_PUBLIC_BYTES + MLDSA_PUBLIC_BYTES;
/// Bytes of a hybrid signature (SPEC 1.2).
pub const HYBRID_SIGNATURE_BYTES: usize = ED25519_SIGNATURE_BYTES + MLDSA_SIGNATURE_BYTES;
/// Bytes of a model id's maker or model at most (SPEC 1.4).
pub const MODEL_ID_PART_BYTES_MAX: usize = 64;
/// Bytes of a model id at most: what the catalogue's account holds (SPEC 9.1).
pub const MODEL_ID_BYTES_MAX: usize = 160;
/// Bytes of one text field of a numeric class at most.
pub const CLASS_FIELD_BYTES_MAX: usize = 128;

// -- commitment (SPEC §3)

/// Generated tokens in a window (SPEC 3.1); also the largest batch whose arithmetic equals one-row decoding.
pub const WINDOW_TOKENS: usize = 32;
/// Values in a sketch (SPEC 3.5).
pub const SKETCH_DIMS: usize = 64;
/// The sketch bank in use (SPEC 3.5).
pub const BANK_ID: u32 = 1;
/// Hidden state's scale before the integer dot, as a power of two (SPEC 3.5).
pub const SKETCH_SCALE_BITS: u32 = 16;
/// Width of a hidden state at most: no known model comes near.
pub const HIDDEN_DIMS_MAX: usize = 65_536;
/// Entries of a digest at most (SPEC 3.6).
pub const DIGEST_ENTRIES_MAX: usize = 64;
/// Entries of a digest at least (SPEC 3.6).
pub const DIGEST_ENTRIES_MIN: usize = 8;
/// Steps of a digest's logprob in one nat (SPEC 3.6).
pub const DIGEST_STEPS_PER_NAT: i32 = 1024;
/// Mass at which a digest ends (SPEC 3.6).
pub const DIGEST_MASS: f64 = 0.999;
/// Mass over which a digest cannot be (SPEC 3.6).
pub const DIGEST_MASS_MAX: f64 = 1.002;
/// Mass under which a digest with fewer than all entries cannot be (SPEC 3.6).
pub const DIGEST_MASS_MIN: f64 = 0.998;
/// Prompt tokens in one decode call (SPEC 4.8): a network constant, not the provider's choice.
pub const PROMPT_CHUNK: usize = 512;
/// Steps of a sampling parameter in one unit (SPEC 3.3).
pub const PARAM_STEPS: i32 = 10_000;
/// Stop strings of a request at most (SPEC 3.3).
pub const STOP_STRINGS_MAX: usize = 4;
/// Bytes of a stop string at most (SPEC 3.3).
pub const STOP_STRING_BYTES_MAX: usize = 64;
/// Tokens of an answer at most: bounds every decoder and counter.
pub const ANSWER_TOKENS_MAX: usize = 1 << 20;
/// Tokens of a prompt at most.
pub const PROMPT_TOKENS_MAX: usize = 1 << 20;
/// Bytes of a frozen body at most.
pub const BODY_BYTES_MAX: usize = 16 << 20;
/// Bytes of a reply's raw text at most.
pub const RAW_TEXT_BYTES_MAX: usize = 64 << 20;
/// Leaves of a reply at most.
pub const LEAVES_MAX: usize = 1 + ANSWER_TOKENS_MAX.div_ceil(WINDOW_TOKENS);
/// Hashes in a Merkle proof at most.
pub const PROOF_HASHES_MAX: usize = 32;

// -- limits of the audit (SPEC 5.5)

/// Relative L2 distance of a window's sketches at most.
pub const L2_LIMIT_PPM: u64 = 100_000;
/// Mean KS distance of a window's digests at most.
pub const KS_LIMIT_PPM: u64 = 100_000;
/// KS distance of one position at most.
pub const KS_POSITION_LIMIT_PPM: u64 = 300_000;
/// Mean margin of a reply at most, millionths of a nat.
pub const MARGIN_MEAN_LIMIT_PPM: u64 = 30_000;
/// Margin of one position at most, millionths of a nat.
pub const MARGIN_POSITION_LIMIT_PPM: u64 = 1_500_000;
/// Tokens from which on the mean margin is held against its limit; shorter replies feed the sequential test only.
pub const MARGIN_MEAN_TOKENS_MIN: usize = 64;
/// Margin's cap in nat (SPEC 4.7).
pub const MARGIN_CAP: f64 = 10.0;
/// Margin's cap, millionths of a nat.
pub const MARGIN_CAP_PPM: u64 = 10_000_000;
/// Steps of a reported margin in one nat (SPEC 5.4).
pub const MARGIN_STEPS_PER_NAT: u16 = 1024;
/// Slack of the rank cut around the k-th logprob, nat (SPEC 4.7).
pub const MARGIN_RANK_SLACK: f64 = 0.5;
/// Slack of the cumulative-mass cuts (SPEC 4.7).
pub const MARGIN_MASS_SLACK: f64 = 0.15;
/// Slack of the min_p cut as a logarithm (SPEC 4.7).
pub const MARGIN_MIN_P_SLACK: f64 = 0.5;
/// Windows opened beside the first and the last (SPEC 5.3).
pub const EXTRA_WINDOWS: usize = 2;

// -- windows and deadlines (SPEC §6), milliseconds

/// Beacon round period where the chain's config does not say otherwise.
pub const ROUND_PERIOD_MS: u64 = 3_000;
/// Least length of an epoch where the chain's config does not say otherwise: a day.
pub const EPOCH_LENGTH_MS: u64 = 86_400_000;
/// Epochs between unstake and withdrawal where the chain's config does not say otherwise.
pub const COOLDOWN_EPOCHS: u64 = 2;
/// A receipt's round starts at least this long after it.
pub const RECEIPT_TO_ROUND_MS: u64 = 2_000;
/// A provider opens its leaves within.
pub const OPENING_DEADLINE_MS: u64 = 15_000;
/// A verifier reports within.
pub const VERIFIER_JOB_MS: u64 = 120_000;
/// A handler settles within its turn.
pub const HANDLER_TURN_MS: u64 = 30_000;
/// An order's deadline after its issue.
pub const ORDER_DEADLINE_MS: u64 = 900_000;
/// Openings are kept this long after an order's deadline.
pub const OPENINGS_KEPT_MS: u64 = 3_600_000;
/// The chain's registry is read again every.
pub const REGISTRY_REFRESH_MS: u64 = 30_000;
/// A provider gives its router a sign of life every.
pub const HEARTBEAT_MS: u64 = 10_000;
/// A router forgets a provider after.
pub const HEARTBEAT_EXPIRY_MS: u64 = 30_000;

// -- wire bounds

/// Bytes of one frame's body at most.
pub const FRAME_BYTES_MAX: usize = 32 << 20;
/// Bytes of an endpoint's text at most (SPEC 9.1).
pub const ENDPOINT_BYTES_MAX: usize = 64;
/// Validators in the set at most (SPEC 9.1).
pub const VALIDATORS_MAX: usize = 64;

/// One whole in parts per million.
pub const PPM: u64 = 1_000_000;
/// Fee split in basis points: provider, router, validator, reserve, maker (SPEC 9.1).
pub const BASIS_POINTS: u16 = 10_000;

const _: () = {
    assert!(NODE_PUBLIC_BYTES == 1344 && HYBRID_SIGNATURE_BYTES == 2484);
    assert!("ogong/verified//".len() + 2 * MODEL_ID_PART_BYTES_MAX <= MODEL_ID_BYTES_MAX);
    assert!(DIGEST_ENTRIES_MIN < DIGEST_ENTRIES_MAX && DIGEST_ENTRIES_MAX <= u8::MAX as usize);
    assert!(WINDOW_TOKENS <= u8::MAX as usize && PROMPT_CHUNK <= u16::MAX as usize);
    assert!(DIGEST_MASS_MIN < DIGEST_MASS && DIGEST_MASS < 1.0 && 1.0 < DIGEST_MASS_MAX);
    // A window-sized batch of the verifier must not pass the size up to which kernels agree bit for bit.
    assert!(PROMPT_CHUNK.is_multiple_of(WINDOW_TOKENS));
    assert!(KS_LIMIT_PPM < KS_POSITION_LIMIT_PPM && KS_POSITION_LIMIT_PPM < PPM);
    assert!(MARGIN_MEAN_LIMIT_PPM < MARGIN_POSITION_LIMIT_PPM && MARGIN_POSITION_LIMIT_PPM < MARGIN_CAP_PPM);
    assert!(MARGIN_CAP as u64 * PPM == MARGIN_CAP_PPM);
    assert!(MARGIN_CAP as u64 * (MARGIN_STEPS_PER_NAT as u64) <= u16::MAX as u64);
    assert!(LEAVES_MAX <= 1usize << PROOF_HASHES_MAX);
    assert!(RECEIPT_TO_ROUND_MS < ROUND_PERIOD_MS);
    assert!(2 * HEARTBEAT_MS < HEARTBEAT_EXPIRY_MS);
    assert!(OPENING_DEADLINE_MS + 3 * VERIFIER_JOB_MS + 3 * HANDLER_TURN_MS < ORDER_DEADLINE_MS);
    assert!(BODY_BYTES_MAX < FRAME_BYTES_MAX);
};
