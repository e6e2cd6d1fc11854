//! The one line that says the chain is up and where.

use std::{fs, io::Write, path::Path};

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// What a client needs to reach the chain. One line of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// JSON-RPC over HTTP.
    pub rpc_url: String,
    /// Subscriptions over WebSocket.
    pub ws_url: String,
    /// Address of OGONG's program.
    pub program_id: String,
    /// Address of the program's config account (it does not exist before `ogong-chain init`).
    pub config: String,
    /// This process.
    pub pid: u32,
}

impl Ready {
    /// Prints the line and, if asked, puts it into a file that appears whole or not at all.
    ///
    /// # Errors
    /// [`Error::Announce`] names what could not be written.
    pub fn announce(&self, file: Option<&Path>) -> Result<(), Error> {
        let line = format!("{}\n", serde_json::to_string(self).expect("invariant: a struct of strings serialises"));
        if let Some(path) = file {
            write_whole(path, &line)
                .map_err(|source| Error::Announce { target: path.display().to_string(), source })?;
        }
        let mut stdout = std::io::stdout().lock();
        stdout
            .write_all(line.as_bytes())
            .and_then(|()| stdout.flush())
            .map_err(|source| Error::Announce { target: "stdout".into(), source })
    }
}

fn write_whole(path: &Path, line: &str) -> std::io::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    fs::write(&partial, line)?;
    fs::rename(&partial, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_holds_the_line_a_client_can_parse() {
        let ready = Ready {
            rpc_url: "http://127.0.0.1:1".into(),
            ws_url: "ws://127.0.0.1:2".into(),
            program_id: "p".into(),
            config: "c".into(),
            pid: 3,
        };
        let path = std::env::temp_dir().join(format!("ogong-localnet-ready-{}", std::process::id()));
        ready.announce(Some(&path)).unwrap();
        let line = fs::read_to_string(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(serde_json::from_str::<Ready>(&line).unwrap(), ready);
        assert!(line.ends_with("}\n"));
    }
}
