//! `--served-models`: a fixed set, loaded when asked for.

use super::library::Entry;
use crate::Error;
use serde::{Deserialize, Serialize};
use std::{collections::HashSet, path::PathBuf};

const FLAG: &str = "--served-models";
/// Models of a set at most.
const MODELS_MAX: usize = 256;

/// A model of a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The name that clients use.
    pub id: String,
    /// `Text`, in any letter case.
    #[serde(default = "text")]
    pub kind: String,
    /// Its GGUF file, or the first of its shards; absolute once it was read.
    pub path: PathBuf,
    /// Further arguments for the engine, as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
}

fn text() -> String {
    "Text".into()
}

/// The flag's models, as entries to serve.
///
/// # Errors
/// As [`read`].
pub fn parse(given: &str) -> Result<Vec<Entry>, Error> {
    let entry = |model: Model| Entry { id: model.id, path: model.path, args: model.args, made: None };
    Ok(read(given)?.into_iter().map(entry).collect())
}

/// Reads the flag: JSON, or the path of a file that holds it.
///
/// # Errors
/// When it is neither, names a model twice, or one whose kind or file is not there.
pub fn read(given: &str) -> Result<Vec<Model>, Error> {
    let wrong = |why: String| Error::Flag { flag: FLAG, why };
    let json = if given.trim_start().starts_with('[') {
        given.to_owned()
    } else {
        std::fs::read_to_string(given)
            .map_err(|error| wrong(format!("{given:?} is neither JSON nor a file: {error}")))?
    };
    let mut models: Vec<Model> = serde_json::from_str(&json).map_err(|error| wrong(error.to_string()))?;
    if models.is_empty() || models.len() > MODELS_MAX {
        return Err(wrong(format!("holds {} models; 1 to {MODELS_MAX} are served", models.len())));
    }
    let mut ids = HashSet::new();
    for model in &mut models {
        if !model.kind.eq_ignore_ascii_case("text") {
            return Err(wrong(format!("{}: kind {:?} is not served by this version, only Text", model.id, model.kind)));
        }
        if model.id.is_empty() || !ids.insert(model.id.clone()) {
            return Err(wrong(format!("id {:?} is empty or there twice", model.id)));
        }
        let path =
            std::path::absolute(&model.path).map_err(|source| Error::File { path: model.path.clone(), source })?;
        if !path.is_file() {
            return Err(wrong(format!("{}: there is no file {}", model.id, path.display())));
        }
        model.path = path;
    }
    Ok(models)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_books_form_is_read() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let path = file.path().display();
        let json = format!(
            r#"[{{"id":"big","kind":"Text","path":"{path}","args":["--flash-attn","on"]}},{{"id":"b","path":"{path}"}}]"#
        );
        let entries = parse(&json).expect("two models");
        assert_eq!((entries[0].id.as_str(), entries[0].args.len(), entries.len()), ("big", 2, 2));
        for bad in [
            "[]".to_owned(),
            "{".into(),
            json.replace("\"b\"", "\"big\""),
            json.replace("Text", "Image"),
            json.replace("args", "arguments"),
            json.replace(&path.to_string(), "/nowhere.gguf"),
        ] {
            assert!(matches!(parse(&bad), Err(Error::Flag { .. })), "{bad}");
        }
    }
}
