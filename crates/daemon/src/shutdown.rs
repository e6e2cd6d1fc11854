//! An orderly end: Ctrl-C or SIGTERM asks every task to finish; a second one ends the process at once.

use crate::{Error, run::Interrupt};
use tokio_util::sync::CancellationToken;

/// Exit code of a process that was told twice.
const IMPATIENT: i32 = 130;

/// Tells tasks to finish. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// One that only [`Shutdown::trigger`] triggers, as in tests.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that Ctrl-C and SIGTERM trigger. Must run inside a tokio runtime.
    ///
    /// # Errors
    /// When the signal handlers cannot be installed.
    pub fn on_signals() -> Result<Self, Error> {
        Self::on_signals_with(Interrupt::Ends)
    }

    /// One that SIGTERM triggers, and Ctrl-C where it ends the process. Must run inside a tokio runtime.
    ///
    /// # Errors
    /// When the signal handlers cannot be installed.
    pub fn on_signals_with(interrupt: Interrupt) -> Result<Self, Error> {
        let shutdown = Self::new();
        let token = shutdown.0.clone();
        let mut signals = Signals::install(interrupt)?;
        tokio::spawn(async move {
            let name = signals.next().await;
            tracing::info!(signal = name, "stopping");
            token.cancel();
            signals.next().await;
            std::process::exit(IMPATIENT);
        });
        Ok(shutdown)
    }

    /// Returns once the process shall end.
    pub async fn cancelled(&self) {
        self.0.cancelled().await;
    }

    /// Whether the process shall end.
    pub fn is_triggered(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Ends the process, as a signal would.
    pub fn trigger(&self) {
        self.0.cancel();
    }

    /// One that ends with this one, or alone.
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }

    /// The token itself.
    pub fn token(&self) -> CancellationToken {
        self.0.clone()
    }

    /// Runs a future until it is done or the process shall end, which gives `None`.
    pub async fn unless<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.0.run_until_cancelled(work).await
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: Option<tokio::signal::unix::Signal>,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn install(interrupt: Interrupt) -> Result<Self, Error> {
        use tokio::signal::unix::{SignalKind, signal};
        let failed = |source| Error::Process { what: "signal handlers", source };
        Ok(Self {
            interrupt: match interrupt {
                Interrupt::Ends => Some(signal(SignalKind::interrupt()).map_err(failed)?),
                Interrupt::OfTheTask => None,
            },
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
        })
    }

    async fn next(&mut self) -> &'static str {
        match &mut self.interrupt {
            Some(interrupt) => tokio::select! {
                _ = interrupt.recv() => "SIGINT",
                _ = self.terminate.recv() => "SIGTERM",
            },
            None => {
                self.terminate.recv().await;
                "SIGTERM"
            }
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn install(_: Interrupt) -> Result<Self, Error> {
        Ok(Self)
    }

    async fn next(&mut self) -> &'static str {
        // Without a handler the system ends the process itself, so waiting on is right.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        "Ctrl-C"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_child_ends_with_its_parent_but_not_the_other_way() {
        let parent = Shutdown::new();
        let (first, second) = (parent.child(), parent.child());
        first.trigger();
        assert!(first.is_triggered() && !parent.is_triggered());
        assert_eq!(second.unless(async { 7 }).await, Some(7));
        parent.trigger();
        second.cancelled().await;
        assert_eq!(second.unless(std::future::pending::<()>()).await, None);
    }
}
