//! What the tests of local mode share: the program, its home, models, and a file server that misbehaves.

pub mod clients;
pub mod file_server;
pub mod local;
// Models of random weights, as the engine's own tests write them.
#[allow(dead_code, reason = "not every kind of model is needed here")]
#[path = "../../../../../engines/text/tests/common/gguf.rs"]
pub mod gguf;
#[allow(dead_code, reason = "not every kind of model is needed here")]
#[path = "../../../../../engines/text/tests/common/tiny.rs"]
pub mod tiny;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_ogong-provider");

/// A command of the program with a home of its own; it sees no hub, token or proxy of the machine's.
pub fn command(home: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.env("OGONG_HOME", home).env_remove("HF_TOKEN").env_remove("HF_ENDPOINT").stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub fn run(home: &Path, args: &[&str]) -> Output {
    command(home).args(args).output().expect("the program runs")
}

/// What a program said on stderr.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a program said on stdout.
pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Where `cargo xtask setup` leaves models.
pub fn models() -> PathBuf {
    if let Some(dir) = std::env::var_os("OGONG_MODELS") {
        return dir.into();
    }
    let cache = std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let cache = cache.or_else(|| std::env::home_dir().map(|home| home.join(".cache"))).expect("a home directory");
    cache.join("ogong").join("models")
}

/// The shipped model in this weight format.
pub fn model(format: &str) -> PathBuf {
    models().join(format!("SmolLM2-135M-Instruct.{format}.gguf"))
}

/// A whole GGUF file with `elements` weights in F32: the shortest that is one.
pub fn gguf(elements: usize) -> Vec<u8> {
    let text = |bytes: &mut Vec<u8>, text: &str| {
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text.as_bytes());
    };
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3_u32.to_le_bytes());
    bytes.extend(1_u64.to_le_bytes());
    bytes.extend(1_u64.to_le_bytes());
    text(&mut bytes, "general.architecture");
    bytes.extend(8_u32.to_le_bytes());
    text(&mut bytes, "llama");
    text(&mut bytes, "w");
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend((elements as u64).to_le_bytes());
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend(0_u64.to_le_bytes());
    bytes.resize(bytes.len().next_multiple_of(32), 0);
    bytes.extend((0..elements as u32).flat_map(|n| n.to_le_bytes()));
    bytes
}
