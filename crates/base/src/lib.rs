//! The ground of the protocol: ids, keys and hybrid signatures, units, codec, hash tags and constants (SPEC §0, §1, §6).
//!
//! Pure: no clock, no files, no sockets, no OS randomness. What a caller needs from the outside world comes in as an argument.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod class;
pub mod codec;
pub mod domain;
pub mod hash;
pub mod keys;
pub mod model_id;
pub mod params;
pub mod units;

pub use class::NumericClass;
pub use codec::{Decode, DecodeError, Encode, Reader, Writer};
pub use domain::Tag;
pub use hash::{
    ChainKey, ClassHash, CommitRoot, ConsensusId, Hash32, JobHash, ModelRoot, NetworkId, NodeId, ParseError,
    RecordHash, ReplyId, ReqHash, RespHash, VerdictHash, sha256, tagged,
};
pub use keys::{HybridSignature, KeyError, NodeKey, NodePublic, SessionKey, verify_session};
pub use model_id::{ModelId, Tier, model_root};
pub use units::{Atoms, Epoch, Ppm, Round, UnixMillis};
