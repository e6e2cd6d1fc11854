//! Model ids and model roots (SPEC 1.4, 1.5). An id is parsed once, into a type that cannot be wrong.

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::domain;
use crate::hash::{ModelRoot, ParseError, tagged};
use crate::params::{MODEL_ID_BYTES_MAX, MODEL_ID_PART_BYTES_MAX};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

/// How answers of a model are vouched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// By audits of committed answers.
    Verified,
    /// By attested hardware.
    Tee,
}

impl Tier {
    /// The tier's word in a model id.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Tee => "tee",
        }
    }
}

/// `ogong/<tier>/<maker>/<model>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelId {
    tier: Tier,
    maker: String,
    model: String,
}

impl ModelId {
    /// Makes an id of its parts.
    ///
    /// # Errors
    /// When maker or model is not 1–64 of `[a-z0-9._-]`, or starts with a dot.
    pub fn new(tier: Tier, maker: &str, model: &str) -> Result<Self, ParseError> {
        if is_part(maker) && is_part(model) {
            Ok(Self { tier, maker: maker.to_owned(), model: model.to_owned() })
        } else {
            Err(ParseError::ModelId(format!("ogong/{}/{maker}/{model}", tier.as_str())))
        }
    }

    /// The tier.
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// Who made the model.
    pub fn maker(&self) -> &str {
        &self.maker
    }

    /// The model's own name.
    pub fn model(&self) -> &str {
        &self.model
    }
}

impl FromStr for ModelId {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let refused = || ParseError::ModelId(text.chars().take(MODEL_ID_BYTES_MAX).collect());
        let parts: Vec<&str> = text.splitn(5, '/').collect();
        let &["ogong", tier, maker, model] = parts.as_slice() else { return Err(refused()) };
        let tier = match tier {
            "verified" => Tier::Verified,
            "tee" => Tier::Tee,
            _ => return Err(refused()),
        };
        Self::new(tier, maker, model).map_err(|_| refused())
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ogong/{}/{}/{}", self.tier.as_str(), self.maker, self.model)
    }
}

impl Encode for ModelId {
    fn encode(&self, w: &mut Writer) {
        w.str(&self.to_string());
    }
}

impl Decode for ModelId {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let text = r.str(MODEL_ID_BYTES_MAX)?;
        text.parse().map_err(|_| DecodeError::invalid("model id", text))
    }
}

impl Serialize for ModelId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ModelId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// `H("ogong/v1/base/model-root", list<hash>)` over the sha256 of every ordered file that affects the output.
pub fn model_root(files: &[[u8; 32]]) -> ModelRoot {
    let mut w = Writer::new();
    w.list(files, |w, file| {
        w.raw(file);
    });
    ModelRoot::from_bytes(tagged(domain::MODEL_ROOT, &[&w.finish()]))
}

fn is_part(text: &str) -> bool {
    (1..=MODEL_ID_PART_BYTES_MAX).contains(&text.len())
        && !text.starts_with('.')
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_well_formed_id_reads_and_prints() {
        for text in ["ogong/verified/smollm2/135m-instruct", "ogong/tee/a/b", "ogong/verified/a.b/c_d-1.5"] {
            assert_eq!(text.parse::<ModelId>().expect(text).to_string(), text);
        }
        let long = "m".repeat(64);
        assert!(ModelId::new(Tier::Tee, &long, &long).is_ok());
        assert!(ModelId::new(Tier::Tee, "a", &"m".repeat(65)).is_err());
    }

    #[test]
    fn every_other_text_is_refused() {
        for text in [
            "",
            "ogong",
            "ogong/verified/a",
            "ogong/verified/a/b/c",
            "ogong/free/a/b",
            "other/verified/a/b",
            "ogong/verified//b",
            "ogong/verified/a/",
            "ogong/verified/.a/b",
            "ogong/verified/a/.b",
            "ogong/verified/A/b",
            "ogong/verified/a b/c",
            "ogong/verified/a/ü",
            " ogong/verified/a/b",
        ] {
            assert!(text.parse::<ModelId>().is_err(), "{text:?} was accepted");
        }
    }
}
