//! llama.cpp's own `llama-bench`, from the sources the engine's wrapper vendors and linked with the very libraries the
//! engine is linked with: the same kernels, flags and compiler, and nothing of ours.

use super::load::Load;
use crate::{Tools, tools::cache_dir};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};
use tokio::process::Command;

/// A built llama-bench and the model it is to run.
#[derive(Debug, Clone)]
pub struct LlamaBench {
    program: PathBuf,
    model: PathBuf,
}

impl LlamaBench {
    /// Finds it, or compiles its two files.
    ///
    /// # Errors
    /// When sources, libraries or a C++ compiler are missing.
    pub async fn find(tools: &Tools, format: &str) -> Result<Self> {
        let target = tools.bin("ogong-text-server")?;
        let target = target.ancestors().nth(2).context("no target directory")?;
        let built = newest_build(&target.join("llama-cmake-cache"))?;
        let name = built.parent().and_then(Path::file_name).context("no name of the build")?;
        let dir = cache_dir()?.join("llama-bench").join(name);
        let program = dir.join("llama-bench");
        if !program.is_file() {
            std::fs::create_dir_all(&dir)?;
            compile(&vendored().await?, &built, &program).await?;
        }
        Ok(Self { program, model: tools.model(format)? })
    }

    /// One run's tokens per second.
    ///
    /// # Errors
    /// When it fails.
    pub async fn rate(&self, load: &Load, threads: u32) -> Result<f64> {
        let (prompt, tokens) = if load.prefill { (load.prompt_tokens(), 0) } else { (0, load.tokens) };
        let [prompt, tokens, threads] = [prompt, tokens, threads].map(|number| number.to_string());
        let flags = ["-p", &prompt, "-n", &tokens, "-t", &threads, "-fa", "on", "-r", "1", "--poll", "1", "-o", "json"];
        let args = [OsStr::new("-m"), self.model.as_ref()].into_iter().chain(flags.iter().map(OsStr::new));
        let found: Value = serde_json::from_str(&run(self.program.as_ref(), args).await?)?;
        found[0]["avg_ts"].as_f64().context("llama-bench named no rate")
    }
}

/// The build directory of llama.cpp that was made last.
fn newest_build(cache: &Path) -> Result<PathBuf> {
    let builds = std::fs::read_dir(cache).with_context(|| format!("no llama.cpp below {}", cache.display()))?;
    let built = |dir: PathBuf| Some((std::fs::metadata(dir.join("src/libllama.a")).ok()?.modified().ok()?, dir));
    let newest = builds.flatten().filter_map(|entry| built(entry.path().join("build"))).max();
    Ok(newest.with_context(|| format!("no built llama.cpp in {}", cache.display()))?.1)
}

/// The sources that the wrapper vendors.
async fn vendored() -> Result<PathBuf> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let args = ["metadata", "--format-version", "1", "--offline", "--manifest-path", manifest];
    let metadata: Value = serde_json::from_str(&run("cargo".as_ref(), args.map(OsStr::new)).await?)?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let wrapper = packages.iter().find(|package| package["name"] == "llama-cpp-sys-4").context("no wrapper")?;
    let manifest = wrapper["manifest_path"].as_str().context("the wrapper has no manifest")?;
    Ok(Path::new(manifest).parent().context("a manifest without a directory")?.join("llama.cpp"))
}

async fn compile(source: &Path, built: &Path, program: &Path) -> Result<()> {
    let mut args: Vec<PathBuf> = ["-O3", "-DNDEBUG", "-std=c++17", "-w"].map(PathBuf::from).into();
    for include in ["include", "ggml/include", "common", "vendor", "tools/llama-bench"] {
        args.extend(["-I".into(), source.join(include)]);
    }
    args.extend(["llama-bench.cpp", "main.cpp"].map(|file| source.join("tools/llama-bench").join(file)));
    args.extend(["-o".into(), program.into(), "-Wl,--start-group".into()]);
    let mut libraries = Vec::new();
    archives(built, &mut libraries)?;
    args.extend(libraries);
    args.push("-Wl,--end-group".into());
    let flags = std::fs::read_to_string(built.join("build.ninja")).unwrap_or_default();
    if flags.contains("CPPHTTPLIB_OPENSSL_SUPPORT") {
        args.extend(["-lssl", "-lcrypto"].map(PathBuf::from));
    }
    args.extend(["-lpthread", "-ldl", "-lm"].map(PathBuf::from));
    eprintln!("compiling llama-bench against {}", built.display());
    run("c++".as_ref(), args).await.map(drop)
}

fn archives(dir: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            archives(&path, found)?;
        } else if path.extension() == Some(OsStr::new("a")) {
            found.push(path);
        }
    }
    found.sort();
    Ok(())
}

/// Runs a program to its end and gives what it printed.
///
/// # Errors
/// When it cannot be started or fails, with the last line it said.
pub(super) async fn run<S: AsRef<OsStr>>(program: &OsStr, args: impl IntoIterator<Item = S>) -> Result<String> {
    let name = program.to_string_lossy();
    let output = Command::new(program).args(args).kill_on_drop(true).output().await;
    let output = output.with_context(|| format!("cannot start {name}"))?;
    let last = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned();
    ensure!(output.status.success(), "{name} failed: {last}");
    Ok(String::from_utf8(output.stdout)?)
}
