//! `ogong-verifierd`: re-runs committed work to score an audit.

use std::process::ExitCode;

use clap::Parser;
use ogong_daemon::{Role, home};
use ogong_verifier::{Cli, Config, Error};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let telemetry = cli.telemetry.clone();
    ogong_daemon::main(&telemetry, |shutdown| async move {
        let dir =
            home::resolve(Role::Verifier, cli.data_dir.as_deref()).map_err(|err| Error::from(err).into_report())?;
        let config = Config::from_cli(&cli, dir).map_err(Error::into_report)?;
        let node = ogong_verifier::start(config).await.map_err(Error::into_report)?;
        node.until(shutdown).await;
        Ok(())
    })
}
