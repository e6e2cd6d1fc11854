//! `cargo xtask setup`: system packages, tools, models, builds. Each step looks first and does only what is missing.

use crate::{build, models, paths, run};
use anyhow::{Result, bail};
use std::{path::Path, process::Command};

/// A Debian package and how its presence shows.
struct Package {
    name: &'static str,
    present: fn() -> bool,
}

const PACKAGES: &[Package] = &[
    Package { name: "cmake", present: || run::which("cmake").is_some() },
    Package { name: "g++", present: || run::which("g++").is_some() || run::which("clang++").is_some() },
    Package { name: "libclang-dev", present: libclang },
    Package { name: "pkg-config", present: || run::which("pkg-config").is_some() },
    Package {
        name: "libssl-dev",
        present: || exists_any(&["/usr/include/openssl/ssl.h", "/usr/local/include/openssl/ssl.h"]),
    },
    Package { name: "python3-pip", present: pip },
];

/// Everything.
///
/// # Errors
/// The first step that fails, with what to do.
pub fn all() -> Result<()> {
    packages()?;
    models::fetch()?;
    build::all()?;
    models::quantise()
}

/// Installs missing system packages, as root on Debian; else prints the exact command.
///
/// # Errors
/// When something is missing and cannot be installed from here.
pub fn packages() -> Result<()> {
    let missing: Vec<&str> =
        PACKAGES.iter().filter(|package| !(package.present)()).map(|package| package.name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let command = format!("apt-get update && apt-get install --yes {}", missing.join(" "));
    if !is_root() || run::which("apt-get").is_none() {
        bail!("these system packages are missing: {}\n  hint: run as root: {command}", missing.join(", "));
    }
    run::say(format_args!("installing {}", missing.join(", ")));
    run::run(Command::new("apt-get").args(["-q", "update"]))?;
    let mut install = Command::new("apt-get");
    install
        .args(["-q", "install", "--yes", "--no-install-recommends"])
        .args(&missing)
        .env("DEBIAN_FRONTEND", "noninteractive");
    run::run(&mut install)
}

/// Installs a cargo subcommand into the cache unless it is on PATH or there already; returns the directory to put on PATH.
///
/// # Errors
/// When cargo cannot install it.
pub fn cargo_tool(name: &str, version: &str) -> Result<()> {
    let root = paths::tools()?;
    if run::which(name).is_some() || root.join("bin").join(name).is_file() {
        return Ok(());
    }
    let mut install = run::cargo(&paths::root());
    install.args(["install", name, "--locked", "--quiet", "--version", version, "--root"]).arg(&root);
    // A tool that runs for seconds need not be built for minutes.
    install
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    install.env_remove("CARGO_TARGET_DIR");
    run::run(&mut install)
}

/// PATH with the cached tools in front.
///
/// # Errors
/// When the cache has no place or PATH cannot be written.
pub fn path_with_tools() -> Result<std::ffi::OsString> {
    let mut dirs = vec![paths::tools()?.join("bin")];
    if let Some(path) = std::env::var_os("PATH") {
        dirs.extend(std::env::split_paths(&path));
    }
    Ok(std::env::join_paths(dirs)?)
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn pip() -> bool {
    Command::new("python3").args(["-m", "pip", "--version"]).output().is_ok_and(|output| output.status.success())
}

fn libclang() -> bool {
    let ours = |path: &Path| {
        path.file_name().is_some_and(|name| {
            name.to_string_lossy().starts_with("libclang.so") || name.to_string_lossy().starts_with("libclang-")
        })
    };
    let listed = |dir: &Path| std::fs::read_dir(dir).into_iter().flatten().flatten().any(|entry| ours(&entry.path()));
    let llvm = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten().any(|entry| {
        entry.file_name().to_string_lossy().starts_with("llvm-")
            && std::fs::read_dir(entry.path().join("lib"))
                .into_iter()
                .flatten()
                .flatten()
                .any(|file| file.file_name() == "libclang.so")
    });
    llvm || listed(Path::new("/usr/lib64")) || listed(Path::new("/opt/homebrew/opt/llvm/lib"))
}

fn exists_any(paths: &[&str]) -> bool {
    paths.iter().any(|path| Path::new(path).exists())
}
