//! Reading the members of a request body: each of the kind and within the range that it says, or refused by name.

use std::ops::RangeInclusive;

use serde_json::Value;

use crate::error::RequestError;
use crate::prompt::Body;

/// A finite number within `range`; `None` when absent or null.
///
/// # Errors
/// When it is something else.
pub fn number(body: &Body, member: &str, range: RangeInclusive<f64>) -> Result<Option<f64>, RequestError> {
    let Some(value) = present(body, member) else { return Ok(None) };
    let number = value.as_f64().ok_or_else(|| RequestError::member(member, "must be a number"))?;
    if !range.contains(&number) {
        let (low, high) = range.into_inner();
        return Err(RequestError::member(member, format!("must be {low} to {high}, is {number}")));
    }
    Ok(Some(number))
}

/// A whole number within `range`; `None` when absent or null.
///
/// # Errors
/// When it is something else.
pub fn integer(body: &Body, member: &str, range: RangeInclusive<i64>) -> Result<Option<i64>, RequestError> {
    let Some(value) = present(body, member) else { return Ok(None) };
    let number = value
        .as_i64()
        .or_else(|| value.as_f64().and_then(whole))
        .ok_or_else(|| RequestError::member(member, "must be an integer"))?;
    if !range.contains(&number) {
        let (low, high) = range.into_inner();
        return Err(RequestError::member(member, format!("must be {low} to {high}, is {number}")));
    }
    Ok(Some(number))
}

/// `1.0` is an integer to most JSON writers.
fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    // The range check makes the conversion exact.
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

/// A truth value; `None` when absent or null.
///
/// # Errors
/// When it is something else.
pub fn truth(body: &Body, member: &str) -> Result<Option<bool>, RequestError> {
    match present(body, member) {
        None => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(*value)),
        Some(_) => Err(RequestError::member(member, "must be true or false")),
    }
}

/// A string; `None` when absent or null.
///
/// # Errors
/// When it is something else.
pub fn text<'body>(body: &'body Body, member: &str) -> Result<Option<&'body str>, RequestError> {
    match present(body, member) {
        None => Ok(None),
        Some(Value::String(value)) => Ok(Some(value)),
        Some(_) => Err(RequestError::member(member, "must be a string")),
    }
}

/// An object; `None` when absent or null.
///
/// # Errors
/// When it is something else.
pub fn object<'body>(body: &'body Body, member: &str) -> Result<Option<&'body Body>, RequestError> {
    match present(body, member) {
        None => Ok(None),
        Some(Value::Object(value)) => Ok(Some(value)),
        Some(_) => Err(RequestError::member(member, "must be an object")),
    }
}

/// An array; `None` when absent or null.
///
/// # Errors
/// When it is something else.
pub fn array<'body>(body: &'body Body, member: &str) -> Result<Option<&'body [Value]>, RequestError> {
    match present(body, member) {
        None => Ok(None),
        Some(Value::Array(value)) => Ok(Some(value)),
        Some(_) => Err(RequestError::member(member, "must be an array")),
    }
}

/// One string or several, at most `max`; none when absent or null.
///
/// # Errors
/// When it is something else.
pub fn strings(body: &Body, member: &str, max: usize) -> Result<Vec<String>, RequestError> {
    let wrong = || RequestError::member(member, format!("must be a string or an array of up to {max} strings"));
    match present(body, member) {
        None => Ok(Vec::new()),
        Some(Value::String(value)) => Ok(vec![value.clone()]),
        Some(Value::Array(items)) if items.len() <= max => {
            items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
        }
        Some(_) => Err(wrong()),
    }
}

/// The member, unless it is absent or null.
pub fn present<'body>(body: &'body Body, member: &str) -> Option<&'body Value> {
    body.get(member).filter(|value| !value.is_null())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Body {
        crate::prompt::parse_body(text.as_bytes()).expect("an object")
    }

    #[test]
    fn members_have_kind_and_range() {
        let body = body(r#"{"a":1.5,"b":3,"c":3.0,"d":null,"e":"x","f":true,"g":["x","y"]}"#);
        assert_eq!(number(&body, "a", 0.0..=2.0), Ok(Some(1.5)));
        assert!(number(&body, "a", 0.0..=1.0).is_err() && number(&body, "e", 0.0..=1.0).is_err());
        assert_eq!(integer(&body, "b", 0..=3), Ok(Some(3)));
        assert_eq!(integer(&body, "c", 0..=3), Ok(Some(3)));
        assert!(integer(&body, "a", 0..=3).is_err() && integer(&body, "b", 4..=5).is_err());
        assert_eq!(integer(&body, "d", 0..=3), Ok(None));
        assert_eq!((text(&body, "e"), truth(&body, "f")), (Ok(Some("x")), Ok(Some(true))));
        assert_eq!(strings(&body, "e", 1), Ok(vec!["x".to_owned()]));
        assert!(strings(&body, "g", 1).is_err() && strings(&body, "f", 4).is_err());
        assert_eq!(strings(&body, "g", 2).map(|list| list.len()), Ok(2));
    }
}
