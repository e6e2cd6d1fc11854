//! `ogong-validatord`: validator and audit node.

use std::process::ExitCode;

use clap::Parser;
use ogong_daemon::{Role, home};
use ogong_validator::{Cli, Config, Error, commands};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let telemetry = cli.node.telemetry.clone();
    ogong_daemon::main(&telemetry, |shutdown| async move {
        let dir = home::resolve(Role::Validator, cli.node.data_dir.as_deref())
            .map_err(|err| Error::from(err).into_report())?;
        if let Some(command) = &cli.command {
            let output = commands::run(command, &cli.node, &dir).await.map_err(Error::into_report)?;
            print!("{output}");
            return Ok(());
        }
        let config = Config::from_flags(&cli.node, dir).map_err(Error::into_report)?;
        let node = ogong_validator::start(config).await.map_err(Error::into_report)?;
        node.until(shutdown).await;
        Ok(())
    })
}
