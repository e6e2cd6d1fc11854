//! The subcommands.

use crate::{
    cli::{Cli, Command, Configure, Show},
    config::{self, Config},
    error::Error,
    local::{self, housekeeping},
    start, wallet,
};
use ogong_daemon::{ResultExt, Role, Shutdown, files};
use std::path::{Path, PathBuf};

/// Runs a command line.
///
/// # Errors
/// What a person is told, with a hint where there is one.
pub async fn run(cli: Cli, shutdown: Shutdown) -> Result<(), anyhow::Error> {
    let home = cli.home.resolve(Role::Provider)?;
    let outcome = match cli.command {
        Command::Configure(flags) => configure(&home, &flags),
        Command::Show(output) => show(&home, &output),
        Command::Wallet(args) => wallet::run(&home, &args).await,
        Command::Start(flags) => start::run(&home, flags, shutdown).await,
        Command::Local(flags) => local::run(&home, *flags, shutdown).await,
        Command::Run(flags) => local::chat::run(&home, *flags, shutdown).await,
        Command::Pull(flags) => {
            let pulling = shutdown.unless(housekeeping::pull(&home, &flags)).await;
            pulling.unwrap_or(Err(Error::Pull(local::pull::Error::Stopped)))
        }
        Command::List(output) => housekeeping::list(&home, output.json),
        Command::Rm(flags) => housekeeping::remove(&home, &flags),
        Command::Ps(flags) => housekeeping::ps(&flags).await,
        Command::Doctor(flags) => local::doctor::run(&home, &flags).await,
        Command::Bench(flags) => local::bench::run(&home, &flags, shutdown).await,
        Command::Completions(flags) => {
            local::manual::completions(flags.shell);
            Ok(())
        }
        Command::Man(flags) => local::manual::man(&flags.dir),
    };
    outcome.hint_from(Error::hint)
}

fn file(home: &Path) -> PathBuf {
    home.join(config::FILE)
}

/// Reads the config; an absent one is empty.
///
/// # Errors
/// When it is damaged or has unknown members.
pub fn load(home: &Path) -> Result<Config, Error> {
    Ok(ogong_daemon::config::load(&file(home))?)
}

fn configure(home: &Path, flags: &Configure) -> Result<(), Error> {
    let mut config = load(home)?;
    config.apply(flags)?;
    files::create_private_dir(home)?;
    ogong_daemon::config::save(&file(home), &config)?;
    if flags.json {
        print_json(&config.redacted());
    } else {
        eprintln!("wrote {}", file(home).display());
        let next = if config.join_network {
            "ogong-provider start"
        } else {
            "ogong-provider configure --join-network .. to earn"
        };
        eprintln!("next: {next}");
    }
    Ok(())
}

fn show(home: &Path, output: &Show) -> Result<(), Error> {
    if let Some(model) = &output.model {
        return housekeeping::show(home, model, output.json);
    }
    let config = load(home)?.redacted();
    if output.json {
        print_json(&config);
        return Ok(());
    }
    println!("# {}", file(home).display());
    print_json(&config);
    Ok(())
}

/// Prints a value as JSON.
pub(crate) fn print_json(value: &impl serde::Serialize) {
    println!("{}", serde_json::to_string_pretty(value).expect("invariant: our own values are JSON"));
}
