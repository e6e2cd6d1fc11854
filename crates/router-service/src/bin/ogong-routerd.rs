//! `ogong-routerd`: the marketplace match engine.

use clap::Parser;
use ogong_daemon::{Hint, ResultExt, Role, Usage};
use ogong_router::{Args, Config, Error, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = Args::parse();
    let telemetry = args.telemetry.clone();
    ogong_daemon::main(&telemetry, |shutdown| async move {
        let data_dir = args.home.resolve(Role::Router)?;
        let config = Config::resolve(args, data_dir).map_err(usage)?;
        run(config, shutdown).await.hint_from(Error::hint)
    })
}

/// Flags that cannot be run are wrong usage, exit code 2.
fn usage(error: Error) -> Hint {
    let hint = error.hint().unwrap_or_default();
    Hint::new(Usage(error.to_string()), hint)
}
