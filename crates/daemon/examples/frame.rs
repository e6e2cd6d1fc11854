//! The smallest binary in the frame every service has: `frame ok|fail|wait`.

use ogong_daemon::{ResultExt, TelemetryFlags, Usage};
use std::process::ExitCode;

fn main() -> ExitCode {
    let what = std::env::args().nth(1).unwrap_or_default();
    ogong_daemon::main(&TelemetryFlags { log_json: true, ..Default::default() }, |shutdown| async move {
        match what.as_str() {
            "ok" => Ok(()),
            "fail" => Err(std::io::Error::other("no answer")).hint("start the chain"),
            "wait" => {
                tracing::info!(what, "waiting");
                shutdown.cancelled().await;
                println!("orderly end");
                Ok(())
            }
            _ => Err(Usage(format!("{what:?} is none of ok, fail, wait")).into()),
        }
    })
}
