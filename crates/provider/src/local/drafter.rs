//! The drafter that is found for a model and turns speculation on.
//!
//! What the operator names wins: with `LLAMAMP_DRAFT_MODEL`, `LLAMAMP_SPEC_TYPE`, or a model's own `args` that name either, nothing is looked for.
//! Otherwise the first of these that is there:
//!
//! 1. the file of the catalogue entry's `draft_url`, which is pulled with the model;
//! 2. `mtp-STEM.gguf` or `mtp-STEM.*.gguf` beside the model, where STEM is the model's file name without `.gguf`, or without its weight format
//!    too (`gemma-4.Q8_0.gguf` and `gemma-4-Q8_0.gguf` have `mtp-gemma-4.gguf`);
//! 3. the one `mtp-*.gguf` of a directory that holds one other model and no more.
//!
//! What it was made for, and so how it drafts, the engine reads from the drafter itself.

use super::library::{self, Entry};
use std::path::{Path, PathBuf};

/// Begins the name of a drafter's file, which is no model to serve.
pub const PREFIX: &str = "mtp-";
/// The engine's flag for it.
pub const FLAG: &str = "--draft-model";
/// The engine's flags that say how to draft, or with what.
const NAMED: [&str; 5] = [FLAG, "--model-draft", "--spec-draft-model", "-md", "--spec-type"];

/// Whether a model's own arguments say how to draft.
pub fn is_named(args: &[String]) -> bool {
    args.iter().any(|arg| arg.split('=').next().is_some_and(|flag| NAMED.contains(&flag)))
}

/// Whether a file is something that belongs to a model, and no model itself: a drafter or a projector.
pub fn is_companion(file: &str) -> bool {
    file.starts_with(PREFIX) || file.starts_with("mmproj-")
}

/// The drafter for a model, if one is there; `pulled` is the file that the catalogue names for it.
pub fn find(entry: &Entry, pulled: Option<&Path>) -> Option<PathBuf> {
    if is_named(&entry.args) {
        return None;
    }
    if let Some(pulled) = pulled.filter(|path| path.is_file()) {
        return Some(pulled.to_owned());
    }
    let dir = entry.path.parent()?;
    let mut names: Vec<String> =
        std::fs::read_dir(dir).ok()?.filter_map(|found| found.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    beside(entry.path.file_name()?.to_str()?, &names).map(|name| dir.join(name))
}

/// The drafter among the names of a directory, by rules 2 and 3.
fn beside<'a>(model: &str, names: &'a [String]) -> Option<&'a str> {
    let is_model = |name: &str| name.ends_with(".gguf") && !name.starts_with('.');
    let drafters: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| is_model(name) && name.starts_with(PREFIX)).collect();
    let stem = model.strip_suffix(".gguf")?;
    for stem in [Some(stem), without_format(stem)].into_iter().flatten() {
        let fits = |drafter: &&&str| {
            let rest = drafter.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix(stem));
            rest.is_some_and(|rest| rest == ".gguf" || rest.starts_with('.') && rest.matches('.').count() == 2)
        };
        if let Some(found) = drafters.iter().find(fits) {
            return Some(found);
        }
    }
    let mut others =
        names.iter().filter(|name| is_model(name) && !is_companion(name) && !library::is_later_shard(name));
    match (drafters.as_slice(), others.next(), others.next()) {
        ([only], Some(other), None) if other == model => Some(only),
        _ => None,
    }
}

/// A stem without the weight format that ends it: `gemma-4.Q8_0`, `gemma-4-Q4_K_M`.
fn without_format(stem: &str) -> Option<&str> {
    let at = stem.rfind(['.', '-'])?;
    let format = stem.get(at + 1..)?;
    let formats = ["Q", "IQ", "F16", "F32", "BF16", "MXFP", "TQ"];
    let named =
        formats.iter().any(|name| format.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name)));
    (named && format.bytes().any(|byte| byte.is_ascii_digit())).then(|| stem.get(..at)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(model: &str, names: &[&str]) -> Option<String> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        beside(model, &names).map(str::to_owned)
    }

    #[test]
    fn a_drafter_has_its_models_stem() {
        for (model, drafter) in [
            ("gemma-4.gguf", "mtp-gemma-4.gguf"),
            ("gemma-4.Q8_0.gguf", "mtp-gemma-4.Q8_0.gguf"),
            ("gemma-4.Q8_0.gguf", "mtp-gemma-4.gguf"),
            ("gemma-4-Q4_K_M.gguf", "mtp-gemma-4.gguf"),
            ("gemma-4-IQ4_XS.gguf", "mtp-gemma-4.F16.gguf"),
        ] {
            assert_eq!(found(model, &["other.gguf", model, drafter]).as_deref(), Some(drafter), "{model}");
        }
        for (model, stranger) in [
            ("gemma-4.gguf", "mtp-gemma-40.gguf"),
            ("gemma-4-it.gguf", "mtp-gemma-4.gguf"),
            ("gemma-4.gguf", "mtp-gemma-4.part"),
            ("qwen.gguf", "mtp-gemma-4.gguf"),
        ] {
            assert_eq!(found(model, &["other.gguf", model, stranger]), None, "{model} {stranger}");
        }
    }

    #[test]
    fn a_directory_of_one_model_needs_no_stem() {
        let drafter = "mtp-heads.gguf";
        assert_eq!(found("m.gguf", &["m.gguf", drafter, "mmproj-m.gguf", "note.txt"]).as_deref(), Some(drafter));
        let shards = ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf", drafter];
        assert_eq!(found("m-00001-of-00002.gguf", &shards).as_deref(), Some(drafter));
        assert_eq!(found("m.gguf", &["m.gguf", drafter, "mtp-others.gguf"]), None, "which of the two");
        assert_eq!(found("m.gguf", &["m.gguf", "n.gguf", drafter]), None, "whose");
    }

    #[test]
    fn what_the_operator_names_wins() {
        let dir = tempfile::tempdir().expect("a directory");
        for name in ["m.gguf", "mtp-m.gguf", "small.gguf"] {
            std::fs::write(dir.path().join(name), "GGUF").expect("written");
        }
        let mut entry = Entry::of_path(&dir.path().join("m.gguf"));
        assert_eq!(find(&entry, None), Some(dir.path().join("mtp-m.gguf")));
        let pulled = dir.path().join("small.gguf");
        assert_eq!(find(&entry, Some(&pulled)), Some(pulled));
        assert_eq!(find(&entry, Some(Path::new("/not/pulled.gguf"))), Some(dir.path().join("mtp-m.gguf")));
        for named in [["-md", "x.gguf"], ["--spec-type", "none"]] {
            entry.args = named.map(str::to_owned).into();
            assert_eq!(find(&entry, None), None, "{named:?}");
        }
    }
}
