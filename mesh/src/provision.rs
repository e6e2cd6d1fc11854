//! Running a role's own one-shot commands to set it up, as an operator would.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::{ffi::OsStr, path::Path, process::Stdio};
use tokio::process::Command;

/// Runs a command to its end and returns its stdout.
///
/// # Errors
/// When it fails, with what it said.
pub async fn run<S: AsRef<OsStr>>(
    program: &Path,
    args: impl IntoIterator<Item = S>,
    env: &[(&str, &OsStr)],
) -> Result<Vec<u8>> {
    let mut command = Command::new(program);
    command.args(args).envs(env.iter().map(|(name, value)| (*name, *value))).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.with_context(|| format!("cannot start {}", program.display()))?;
    if !output.status.success() {
        bail!("{}: {}", program.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output.stdout)
}

/// The same for a command that prints JSON.
///
/// # Errors
/// When it fails or prints something else.
pub async fn json<S: AsRef<OsStr>>(
    program: &Path,
    args: impl IntoIterator<Item = S>,
    env: &[(&str, &OsStr)],
) -> Result<Value> {
    let stdout = run(program, args, env).await?;
    serde_json::from_slice(&stdout).with_context(|| format!("{} printed no JSON", program.display()))
}

/// A UDP port nobody holds at this moment.
///
/// # Errors
/// When the system has none.
pub fn free_udp_port() -> Result<u16> {
    Ok(std::net::UdpSocket::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// A TCP port nobody holds at this moment.
///
/// # Errors
/// When the system has none.
pub fn free_tcp_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
