//! How a binary ends badly: `error: ` with the chain of causes, then `hint: `, and the exit code (1 failure, 2 usage).

use crate::Error;
use std::process::ExitCode;

/// Exit code of a failure.
const FAILURE: u8 = 1;
/// Exit code of wrong usage.
const USAGE: u8 = 2;

/// An error with something that can be done about it. It shows as the error it wraps.
#[derive(Debug)]
pub struct Hint {
    source: anyhow::Error,
    hint: String,
}

impl Hint {
    /// Adds a hint to an error.
    pub fn new(source: impl Into<anyhow::Error>, hint: impl Into<String>) -> Self {
        Self { source: source.into(), hint: hint.into() }
    }

    fn is_usage(&self) -> bool {
        let inner = self.source.downcast_ref::<Self>();
        self.source.is::<Usage>() || inner.is_some_and(Self::is_usage)
    }
}

impl std::fmt::Display for Hint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.source.fmt(f)
    }
}

impl std::error::Error for Hint {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.chain().nth(1)
    }
}

/// The command line or config asks for something that cannot be.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Hints on results.
pub trait ResultExt<T, E> {
    /// Adds a hint to an error.
    ///
    /// # Errors
    /// The error, with the hint.
    fn hint(self, hint: impl Into<String>) -> Result<T, anyhow::Error>;

    /// Adds the hint an error gives for itself, as with `.hint_from(|error| error.hint())`.
    ///
    /// # Errors
    /// The error, with the hint if it gives one.
    fn hint_from(self, hint: impl FnOnce(&E) -> Option<String>) -> Result<T, anyhow::Error>;
}

impl<T, E: Into<anyhow::Error>> ResultExt<T, E> for Result<T, E> {
    fn hint(self, hint: impl Into<String>) -> Result<T, anyhow::Error> {
        self.map_err(|error| Hint::new(error, hint).into())
    }

    fn hint_from(self, hint: impl FnOnce(&E) -> Option<String>) -> Result<T, anyhow::Error> {
        self.map_err(|error| match hint(&error) {
            Some(hint) => Hint::new(error, hint).into(),
            None => error.into(),
        })
    }
}

/// An error as a binary's `main` returns it: wrong usage ends with status 2, everything else with 1.
pub fn report(error: impl Into<anyhow::Error>, usage: bool, hint: Option<String>) -> anyhow::Error {
    let error = error.into();
    let error = if usage { Usage(error.to_string()).into() } else { error };
    match hint {
        Some(hint) => Hint::new(error, hint).into(),
        None => error,
    }
}

/// Prints an error to stderr and gives the exit code.
pub fn report_error(error: &anyhow::Error) -> ExitCode {
    eprint!("{}", render(error));
    let usage =
        error.chain().any(|cause| cause.is::<Usage>() || cause.downcast_ref::<Hint>().is_some_and(Hint::is_usage));
    ExitCode::from(if usage { USAGE } else { FAILURE })
}

fn render(error: &anyhow::Error) -> String {
    let mut line = String::new();
    let mut hints: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        // Many errors show their cause in their own message; it is not said twice.
        if !line.ends_with(&text) {
            line.push_str(if line.is_empty() { "" } else { ": " });
            line.push_str(&text);
        }
        hints.extend(hints_of(cause));
    }
    hints.dedup();
    let hints: String = hints.iter().map(|hint| format!("hint: {hint}\n")).collect();
    format!("error: {line}\n{hints}")
}

/// The hints of one link. What a [`Hint`] wraps is no link of its own: it shows through.
fn hints_of(cause: &(dyn std::error::Error + 'static)) -> Vec<String> {
    let mut hints = Vec::new();
    let mut wrapped = cause.downcast_ref::<Hint>();
    hints.extend(cause.downcast_ref::<Error>().and_then(Error::hint));
    while let Some(hint) = wrapped {
        hints.push(hint.hint.clone());
        hints.extend(hint.source.downcast_ref::<Error>().and_then(Error::hint));
        wrapped = hint.source.downcast_ref::<Hint>();
    }
    hints
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    fn code(error: &anyhow::Error) -> String {
        format!("{:?}", report_error(error))
    }

    #[test]
    fn the_chain_is_one_line_and_hints_follow() {
        let inner = std::io::Error::other("no route");
        let result: Result<(), _> = Err(inner);
        let error = result.hint("start the chain").context("cannot read the registry");
        let error = error.expect_err("it failed");
        assert_eq!(render(&error), "error: cannot read the registry: no route\nhint: start the chain\n");
        assert_eq!(code(&error), format!("{:?}", ExitCode::from(1)));
    }

    #[test]
    fn our_own_errors_bring_their_hints_and_are_not_said_twice() {
        let source = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let error = anyhow::Error::from(Error::file("read", "/x/key", source));
        let text = render(&error);
        assert_eq!(
            text,
            "error: cannot read /x/key: permission denied\nhint: check owner and mode of the file and its directory\n"
        );
        let hinted = Err::<(), _>(Error::NoHome).hint_from(Error::hint).expect_err("it failed");
        assert_eq!(render(&hinted).matches("hint: ").count(), 1);
    }

    #[test]
    fn wrong_usage_exits_with_two() {
        let usage = Usage("--verifier-endpoint needs --verifier-cert".into());
        let error = Err::<(), _>(usage).hint("name the certificate").expect_err("usage");
        assert_eq!(code(&error), format!("{:?}", ExitCode::from(2)));
        assert_eq!(code(&Usage("x".into()).into()), format!("{:?}", ExitCode::from(2)));
    }
}
