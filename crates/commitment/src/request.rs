//! The frozen request body (SPEC 2.1): what the gateway makes once and everybody relays, hashes and reads unchanged.
//!
//! Members are kept in their order and numbers by their digits, so freezing a frozen body changes nothing. A repeated
//! member is refused: two readers could otherwise see two requests in the same bytes.

use crate::error::Error;
use ogong_base::{ReqHash, domain, params::BODY_BYTES_MAX, tagged};
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::{collections::HashSet, fmt};

/// Members that name a person and never leave the gateway.
pub const DROPPED_MEMBERS: [&str; 4] = ["user", "metadata", "safety_identifier", "store"];

/// Freezes a body: drops what names a person, keeps the rest in order, serialises once and compactly.
///
/// # Errors
/// When the body is too large, no JSON object, or repeats a member.
pub fn freeze(body: &[u8]) -> Result<Vec<u8>, Error> {
    let mut members = object(body)?;
    for name in DROPPED_MEMBERS {
        members.shift_remove(name);
    }
    serde_json::to_vec(&members).map_err(|error| Error::Body(error.to_string()))
}

/// Holds that bytes are a frozen body: freezing them again changes nothing.
///
/// # Errors
/// As [`freeze`], and when the gateway did not freeze.
pub fn check_frozen(body: &[u8]) -> Result<(), Error> {
    if freeze(body)? == body { Ok(()) } else { Err(Error::Body("is not frozen".to_owned())) }
}

/// `H("ogong/v1/commitment/request", body)`.
pub fn req_hash(body: &[u8]) -> ReqHash {
    ReqHash::from_bytes(tagged(domain::REQUEST, &[body]))
}

/// Refuses media that a provider would have to fetch: `http(s)` URLs in content parts (SPEC 2.1).
///
/// # Errors
/// Names the first such URL.
pub fn check_media(body: &[u8]) -> Result<(), Error> {
    let members = object(body)?;
    let messages = members.get("messages").and_then(Value::as_array);
    for part in messages.into_iter().flatten().filter_map(|m| m.get("content")?.as_array()).flatten() {
        if let Some(url) = remote_url(part) {
            let shown: String = url.chars().take(80).collect();
            return Err(Error::Body(format!("remote media url {shown:?}: send media as a data url")));
        }
    }
    Ok(())
}

/// The body as an object, bounded and without repeated members.
pub(crate) fn object(body: &[u8]) -> Result<Map<String, Value>, Error> {
    if body.len() > BODY_BYTES_MAX {
        return Err(Error::Body(format!("{} bytes are over the bound of {BODY_BYTES_MAX}", body.len())));
    }
    let refused = |error: serde_json::Error| Error::Body(error.to_string());
    serde_json::from_slice::<Unrepeated>(body).map_err(refused)?;
    match serde_json::from_slice(body).map_err(refused)? {
        Value::Object(members) => Ok(members),
        _ => Err(Error::Body("is not a json object".to_owned())),
    }
}

fn remote_url(value: &Value) -> Option<&str> {
    match value {
        Value::Object(members) => members.iter().find_map(|(name, value)| match value {
            Value::String(text) if matches!(name.as_str(), "url" | "image_url" | "video_url" | "audio_url") => {
                is_remote(text).then_some(text.as_str())
            }
            Value::Object(_) | Value::Array(_) => remote_url(value),
            _ => None,
        }),
        Value::Array(items) => items.iter().find_map(remote_url),
        _ => None,
    }
}

fn is_remote(url: &str) -> bool {
    let url = url.trim_start();
    ["http://", "https://"].iter().any(|scheme| url.get(..scheme.len()).is_some_and(|s| s.eq_ignore_ascii_case(scheme)))
}

/// Any JSON value in which no object repeats a member.
struct Unrepeated;

impl<'de> Deserialize<'de> for Unrepeated {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(UnrepeatedVisitor)
    }
}

struct UnrepeatedVisitor;

impl<'de> Visitor<'de> for UnrepeatedVisitor {
    type Value = Unrepeated;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a json value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Unrepeated, E> {
        Ok(Unrepeated)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Unrepeated, E> {
        Ok(Unrepeated)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Unrepeated, E> {
        Ok(Unrepeated)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Unrepeated, E> {
        Ok(Unrepeated)
    }

    fn visit_str<E>(self, _: &str) -> Result<Unrepeated, E> {
        Ok(Unrepeated)
    }

    fn visit_unit<E>(self) -> Result<Unrepeated, E> {
        Ok(Unrepeated)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Unrepeated, A::Error> {
        while items.next_element::<Unrepeated>()?.is_some() {}
        Ok(Unrepeated)
    }

    // A number whose digits are kept may come this way too, as a map of one member.
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Unrepeated, A::Error> {
        let mut seen = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if seen.contains(&name) {
                members.next_value::<IgnoredAny>()?;
                return Err(A::Error::custom(format!("member {name:?} is repeated")));
            }
            seen.insert(name);
            members.next_value::<Unrepeated>()?;
        }
        Ok(Unrepeated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frozen(body: &str) -> String {
        String::from_utf8(freeze(body.as_bytes()).expect("a good body")).expect("utf-8")
    }

    #[test]
    fn order_and_digits_stay_and_the_person_goes() {
        let body = r#"{ "z": 1.50, "user":"me", "a": [1e2, -0.0, 12345678901234567890123], "metadata":{"k":1},
            "store":true, "m": {"user":"kept below the top"}, "safety_identifier":"x" }"#;
        let once = frozen(body);
        // An exponent is written with its sign; every digit stays.
        assert_eq!(once, r#"{"z":1.50,"a":[1e+2,-0.0,12345678901234567890123],"m":{"user":"kept below the top"}}"#);
        assert_eq!(frozen(&once), once);
        assert_eq!(check_frozen(once.as_bytes()), Ok(()));
        assert!(check_frozen(body.as_bytes()).is_err());
    }

    #[test]
    fn what_two_readers_could_read_twice_is_refused() {
        for body in [r#"{"a":1,"a":2}"#, r#"{"m":[{"b":1,"b":1}]}"#, r#"{"a":1,"\u0061":2}"#] {
            let error = freeze(body.as_bytes()).expect_err(body);
            assert!(error.to_string().contains("is repeated"), "{error}");
        }
        for body in ["", "[]", "1", "{", r#"{"a":1}x"#, "{\"a\":\"\u{1}\"}"] {
            assert!(freeze(body.as_bytes()).is_err(), "{body:?} was accepted");
        }
        assert!(freeze(&[b'{', 0xff, b'}']).is_err());
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
        assert!(freeze(deep.as_bytes()).is_err());
    }

    #[test]
    fn remote_media_is_refused_and_text_about_it_is_not() {
        let body = |url: &str| {
            format!(
                r#"{{"messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"{url}"}}}}]}}]}}"#
            )
        };
        assert!(check_media(body("https://example.org/a.png").as_bytes()).is_err());
        assert!(check_media(body("HTTP://example.org/a.png").as_bytes()).is_err());
        assert_eq!(check_media(body("data:image/png;base64,AAAA").as_bytes()), Ok(()));
        let text = r#"{"messages":[{"role":"user","content":"see https://example.org"},
            {"role":"user","content":[{"type":"text","text":"https://example.org"}]}]}"#;
        assert_eq!(check_media(text.as_bytes()), Ok(()));
    }
}
