//! The committed ELF is the one that the sources make.

use std::path::Path;
use std::process::Command;

#[test]
fn elf_is_of_these_sources() {
    let chain = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let noted = chain.join("artifacts/ogong_chain.sources.sha256");
    let noted = std::fs::read_to_string(&noted).unwrap_or_else(|e| panic!("{}: {e}", noted.display()));
    let script = chain.join("sbf/source-hash.sh");
    let output = Command::new("bash").arg(&script).output().expect("bash runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let now = String::from_utf8(output.stdout).expect("hex");
    assert_eq!(now.trim().len(), 64, "a sha256: {now}");
    assert_eq!(
        now.trim(),
        noted.trim(),
        "chain/artifacts/ogong_chain.so is of other sources; hint: cargo xtask chain rebuilds it"
    );
}
