//! `keep_alive`: how long a model stays loaded after a request.

use crate::read::Error;
use serde_json::Value;
use std::time::Duration;

/// How long a model stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepAlive {
    /// This long after its last use; zero unloads at once.
    For(Duration),
    /// Until something else needs the memory.
    Forever,
}

impl KeepAlive {
    /// Reads seconds, or a duration in Go's form: `"5m"`, `"1h30m"`, `"300ms"`; anything negative is forever.
    ///
    /// # Errors
    /// When it is neither.
    pub fn read(value: Option<&Value>) -> Result<Option<Self>, Error> {
        let parsed = match value {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Number(number)) => number.as_f64().map(Self::seconds),
            Some(Value::String(text)) => Self::parse(text),
            Some(_) => None,
        };
        let wrong = || Error::member("keep_alive", "must be seconds or a duration such as \"5m\"; -1 is forever");
        parsed.map(Some).ok_or_else(wrong)
    }

    /// Reads the text form.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(seconds) = text.parse::<f64>() {
            return Some(Self::seconds(seconds));
        }
        if let Some(rest) = text.strip_prefix('-') {
            return duration(rest).map(|_| Self::Forever);
        }
        duration(text).map(Self::For)
    }

    fn seconds(seconds: f64) -> Self {
        if seconds < 0.0 {
            return Self::Forever;
        }
        Duration::try_from_secs_f64(seconds).map_or(Self::Forever, Self::For)
    }
}

fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest.get(..digits)?.parse().ok()?;
        let after = rest.get(digits..)?;
        let letters = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let unit = match after.get(..letters)? {
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        seconds += number * unit;
        rest = after.get(letters..)?;
    }
    (!text.is_empty()).then(|| Duration::try_from_secs_f64(seconds).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_every_form_clients_write() {
        let read = |value: Value| KeepAlive::read(Some(&value)).expect("a duration").expect("present");
        let secs = |n| KeepAlive::For(Duration::from_secs(n));
        assert_eq!(read(json!(300)), secs(300));
        assert_eq!(read(json!("5m")), secs(300));
        assert_eq!(read(json!("1h30m")), secs(5_400));
        assert_eq!(read(json!("300ms")), KeepAlive::For(Duration::from_millis(300)));
        assert_eq!(read(json!("60")), secs(60));
        assert_eq!(read(json!(0)), secs(0));
        for forever in [json!(-1), json!("-1"), json!("-1m")] {
            assert_eq!(read(forever), KeepAlive::Forever);
        }
        assert_eq!(KeepAlive::read(None), Ok(None));
        for bad in [json!("soon"), json!(""), json!("5 m"), json!(true)].iter() {
            assert!(KeepAlive::read(Some(bad)).is_err(), "{bad}");
        }
    }
}
