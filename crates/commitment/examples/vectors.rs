//! Prints the frozen vectors, or with `--write` puts them into `spec/vectors/`. Changed bytes need a new version and a line
//! in SPEC.md with them.

#[path = "../tests/common/vectors.rs"]
mod vectors;

fn main() -> std::io::Result<()> {
    let write = std::env::args().any(|arg| arg == "--write");
    for (name, text) in vectors::all() {
        let path = vectors::directory().join(name);
        if write {
            std::fs::write(&path, text)?;
            eprintln!("wrote {}", path.display());
        } else {
            print!("{text}");
        }
    }
    Ok(())
}
