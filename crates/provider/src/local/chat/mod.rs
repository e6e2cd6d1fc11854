//! `ogong-provider run`: a chat on the terminal, or one answer in a pipe.
//!
//! On a terminal: history, several lines between `"""`, `/` commands, Ctrl-C during an answer stops it and at the prompt quits. With a prompt on
//! the command line or on stdin: one answer on stdout, nothing else there.

mod command;
mod repl;
mod session;
mod wrap;

use super::{
    cli::Run,
    library::Library,
    pool::{Lease, Pool, Wish},
    serve::{entry_of, pool_config},
};
use crate::Error;
use ogong_daemon::Shutdown;
use session::Session;
use std::{
    io::{IsTerminal, Read},
    path::Path,
};

/// Longest prompt that is read from stdin.
const PROMPT_BYTES_MAX: u64 = 16 << 20;

/// Runs until the person leaves.
///
/// # Errors
/// When the model is not there or its engine does not start.
pub async fn run(home: &Path, flags: Run, shutdown: Shutdown) -> Result<(), Error> {
    let library = Library::open(home)?;
    let entry = entry_of(&library, &flags.model).await?;
    let prompt = prompt(&flags)?;
    let mut config = pool_config(home, &library, &flags.engine, None);
    // One person asks one thing at a time.
    config.sizing.wishes.parallel = config.sizing.wishes.parallel.or(Some(1));
    let pool = Pool::new(config);
    if prompt.is_none() && std::io::stderr().is_terminal() {
        eprint!("loading {}…", entry.id);
    }
    let lease = tokio::select! {
        lease = pool.acquire(&entry, Wish { pinned: true, ..Wish::default() }) => lease,
        () = interrupted(&shutdown) => {
            pool.stop().await;
            return Ok(());
        }
    };
    if prompt.is_none() && std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
    let outcome = match lease {
        Ok(lease) => talk(home, &flags, &library, entry, lease, prompt, &shutdown).await,
        Err(error) => Err(Error::Shared(error)),
    };
    pool.stop().await;
    outcome
}

async fn talk(
    home: &Path,
    flags: &Run,
    library: &Library,
    entry: super::library::Entry,
    lease: Lease,
    prompt: Option<String>,
    shutdown: &Shutdown,
) -> Result<(), Error> {
    let mut session = Session::new(entry, lease, flags);
    match prompt {
        Some(prompt) => session.answer_once(&prompt, shutdown).await,
        None => repl::chat(home, library, &mut session, shutdown).await,
    }
}

/// The one prompt to answer; `None` for a chat. In a pipe, what stands on the command line comes first.
fn prompt(flags: &Run) -> Result<Option<String>, Error> {
    let mut prompt = flags.prompt.join(" ");
    if !std::io::stdin().is_terminal() {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(PROMPT_BYTES_MAX + 1).read_to_end(&mut bytes);
        read.map_err(|source| Error::File { path: "stdin".into(), source })?;
        if bytes.len() as u64 > PROMPT_BYTES_MAX {
            return Err(Error::NotServed { what: format!("the prompt on stdin is over {PROMPT_BYTES_MAX} bytes") });
        }
        let piped = String::from_utf8_lossy(&bytes);
        if !prompt.is_empty() && !piped.trim().is_empty() {
            prompt.push_str("\n\n");
        }
        prompt.push_str(piped.trim_end());
        if prompt.is_empty() {
            return Err(Error::NotServed {
                what: "there is no prompt, neither on the command line nor on stdin".into(),
            });
        }
    }
    Ok((!prompt.is_empty()).then_some(prompt))
}

/// Returns at Ctrl-C, or when the process shall end.
async fn interrupted(shutdown: &Shutdown) {
    tokio::select! {
        () = shutdown.cancelled() => {}
        pressed = tokio::signal::ctrl_c() => {
            if pressed.is_err() {
                // Without a handler the system ends the process itself.
                std::future::pending::<()>().await;
            }
        }
    }
}
