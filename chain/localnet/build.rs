//! Embeds the built program when it is there, so that the binary needs no file beside it; without it the binary asks for `--program`.

use std::{env, fs, path::PathBuf};

const ARTIFACT: &str = "../artifacts/ogong_chain.so";

fn main() {
    println!("cargo:rerun-if-changed={ARTIFACT}");
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("ogong_chain.so");
    let bytes = fs::read(manifest.join(ARTIFACT)).unwrap_or_default();
    fs::write(&out, bytes).expect("the build's output directory is writable");
}
