//! Values of flags.

use crate::error::Error;
use std::path::PathBuf;

/// Longest machine name.
const MACHINE_BYTES_MAX: usize = 64;

/// Takes a flag over, if it was given.
pub(super) fn set<T: Clone>(member: &mut Option<T>, flag: &Option<T>) {
    if flag.is_some() {
        member.clone_from(flag);
    }
}

/// Reads a flag's text into a member, if it was given.
///
/// # Errors
/// When it has the wrong form; names the flag.
pub(super) fn parse_into<T>(member: &mut Option<T>, flag: &'static str, text: &Option<String>) -> Result<(), Error>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    if let Some(text) = text {
        let value = text.parse().map_err(|error: T::Err| Error::Flag { flag, why: error.to_string() })?;
        *member = Some(value);
    }
    Ok(())
}

/// A path that does not depend on where the program was started.
///
/// # Errors
/// When there is no current directory.
pub(super) fn absolute(path: &std::path::Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

/// A short name of letters, digits and a few marks.
///
/// # Errors
/// When it is something else.
pub(super) fn machine_name(name: &str) -> Result<String, Error> {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.len() > MACHINE_BYTES_MAX || !name.chars().all(good) {
        return Err(Error::Flag {
            flag: "--machine",
            why: format!("{name:?} is not 1-{MACHINE_BYTES_MAX} of letters, digits, - _ ."),
        });
    }
    Ok(name.to_owned())
}

/// One price, or PROMPT:COMPLETION.
///
/// # Errors
/// When it is neither.
pub(super) fn price(text: &str) -> Result<(u64, u64), Error> {
    let number = |part: &str| {
        part.trim().parse::<u64>().map_err(|_| Error::Flag {
            flag: "--price",
            why: format!("{text:?} is not PRICE or PROMPT:COMPLETION in atoms per 1,000 tokens"),
        })
    };
    match text.split_once(':') {
        Some((prompt, completion)) => Ok((number(prompt)?, number(completion)?)),
        None => number(text).map(|price| (price, price)),
    }
}
