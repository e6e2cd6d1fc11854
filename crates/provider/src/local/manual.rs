//! Shell completions and man pages, made from the command line's own definition.

use crate::{Error, cli::Cli};
use clap::CommandFactory;
use clap_complete::Shell;
use std::path::Path;

/// Name of the program.
const NAME: &str = "ogong-provider";

/// Prints completions for a shell.
pub fn completions(shell: Shell) {
    clap_complete::generate(shell, &mut Cli::command(), NAME, &mut std::io::stdout());
}

/// Writes a man page for the program and for each command into a directory.
///
/// # Errors
/// When the directory cannot be written.
pub fn man(dir: &Path) -> Result<(), Error> {
    let failed = |source| Error::File { path: dir.to_owned(), source };
    std::fs::create_dir_all(dir).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), dir).map_err(failed)
}
