//! The committed IDL is the one that the program's sources give.

use std::{env, fs, path::Path, process::Command};

#[test]
fn the_committed_idl_is_of_these_sources() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../artifacts/ogong_chain.json");
    let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ogong_chain.json");
    let status = Command::new(env!("CARGO_BIN_EXE_ogong-chain-idl")).arg(&fresh).status().expect("it starts");
    assert!(status.success(), "the IDL is generated");
    let text = |path: &Path| fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(
        text(&committed) == text(&fresh),
        "chain/artifacts/ogong_chain.json is of other sources\nhint: cargo xtask chain rebuilds it"
    );
}
