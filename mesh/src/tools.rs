//! Where the programs and models are.

use anyhow::{Context, Result, bail};
use std::{
    env,
    path::{Path, PathBuf},
};

/// Name of the demo's model in the catalogue.
pub const MODEL_ID: &str = "ogong/verified/huggingface/smollm2-135m-instruct";
/// Stem of its files.
const MODEL_STEM: &str = "SmolLM2-135M-Instruct";

/// Programs and models of one build.
#[derive(Debug, Clone)]
pub struct Tools {
    bin_dir: PathBuf,
    localnet: PathBuf,
    models: PathBuf,
}

impl Tools {
    /// Finds everything: by environment (as `cargo xtask` sets it), else beside this program and in the user's cache.
    ///
    /// # Errors
    /// Names the first thing that is missing and how to get it.
    pub fn find() -> Result<Self> {
        let own = env::current_exe().context("cannot tell where this program is")?;
        // Tests lie one directory below the binaries.
        let beside =
            own.ancestors().skip(1).take(2).find(|dir| dir.join("ogong-validatord").is_file()).map(PathBuf::from);
        let bin_dir = env::var_os("OGONG_BIN_DIR")
            .map(PathBuf::from)
            .or(beside)
            .context("ogong-validatord is not beside this program\n  hint: cargo xtask setup")?;
        let models = models_dir()?;
        let localnet = match env::var_os("OGONG_LOCALNET_BIN") {
            Some(path) => path.into(),
            None => bin_dir
                .parent()
                .map(|target| PathBuf::from(format!("{}-chain/debug/ogong-localnet", target.display())))
                .unwrap_or_default(),
        };
        if !localnet.is_file() {
            bail!("no development chain at {}\n  hint: cargo xtask setup", localnet.display());
        }
        Ok(Self { bin_dir, localnet, models })
    }

    /// A program of the workspace.
    ///
    /// # Errors
    /// When it was not built.
    pub fn bin(&self, name: &str) -> Result<PathBuf> {
        let path = self.bin_dir.join(name);
        if !path.is_file() {
            bail!("no program {}\n  hint: cargo xtask setup", path.display());
        }
        Ok(path)
    }

    /// The development chain.
    pub fn localnet(&self) -> &PathBuf {
        &self.localnet
    }

    /// The demo's model in a weight format such as `Q8_0`.
    ///
    /// # Errors
    /// When it was not fetched or quantised.
    pub fn model(&self, format: &str) -> Result<PathBuf> {
        model_in(&self.models, format)
    }

    /// The same without the programs, for those that link the engine.
    ///
    /// # Errors
    /// When it was not fetched or quantised.
    pub fn find_model(format: &str) -> Result<PathBuf> {
        model_in(&models_dir()?, format)
    }
}

/// Where the user keeps what was fetched and built for OGONG.
///
/// # Errors
/// When there is no home directory.
pub fn cache_dir() -> Result<PathBuf> {
    let base =
        env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| env::home_dir().map(|home| home.join(".cache")));
    Ok(base.context("no home directory\n  hint: export HOME")?.join("ogong"))
}

fn models_dir() -> Result<PathBuf> {
    match env::var_os("OGONG_MODELS") {
        Some(dir) => Ok(dir.into()),
        None => Ok(cache_dir()?.join("models")),
    }
}

fn model_in(dir: &Path, format: &str) -> Result<PathBuf> {
    let path = dir.join(format!("{MODEL_STEM}.{format}.gguf"));
    if !path.is_file() {
        bail!("no model {}\n  hint: cargo xtask setup", path.display());
    }
    Ok(path)
}
