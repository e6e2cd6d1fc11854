//! Units of the protocol, so that an amount is never taken for a time (SPEC §0, §6).

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! unit {
    ($($(#[$doc:meta])* $name:ident $suffix:literal),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{}", $suffix), self.0)
            }
        }

        impl From<u64> for $name {
            fn from(v: u64) -> Self {
                Self(v)
            }
        }

        impl Encode for $name {
            fn encode(&self, w: &mut Writer) {
                w.u64(self.0);
            }
        }

        impl Decode for $name {
            fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(Self(r.u64()?))
            }
        }
    )*};
}

unit! {
    /// Smallest unit of the token.
    Atoms " atoms",
    /// Index of a beacon round.
    Round "",
    /// Index of an epoch.
    Epoch "",
    /// Milliseconds since the Unix epoch, UTC.
    UnixMillis " ms",
    /// Parts per million: scores and limits in anything hashed or signed.
    Ppm " ppm",
}
