//! Filling in the middle: prompts in the pattern that code models are trained on, as llama-server builds them.
//!
//! ```text
//! [repo]myproject\n { [sep]file\n text } [sep]filename\n [bos][pre] prefix prompt [suf] suffix [mid]
//! ```
//!
//! Where prefix, suffix and extra files do not fit, what is farthest from the gap is dropped first.

use llama_cpp_4::model::Special;
use llama_cpp_4::token::LlamaToken;

use crate::error::RequestError;
use crate::fields;
use crate::model::Model;
use crate::prompt::Body;

/// Files of `input_extra` at most.
const EXTRAS_MAX: usize = 256;
/// Separates extra files for models without a token for it.
const SNIPPET: &str = "\n\n--- snippet ---\n\n";

/// The model's tokens around the gap.
struct Marks {
    pre: u32,
    suf: u32,
    mid: u32,
}

impl Marks {
    fn of(model: &Model) -> Result<Self, RequestError> {
        let llama = model.llama();
        let mark = |token: LlamaToken| u32::try_from(token.0).map_err(|_| RequestError::NoInfill);
        Ok(Self {
            pre: mark(llama.token_fim_pre())?,
            suf: mark(llama.token_fim_suf())?,
            mid: mark(llama.token_fim_mid())?,
        })
    }
}

/// The prompt of an `/infill` body.
///
/// # Errors
/// When the model has no tokens for it, or a member is wrong.
pub fn prompt(model: &Model, n_ctx: u32, body: &Body) -> Result<Vec<u32>, RequestError> {
    let marks = Marks::of(model)?;
    let extra = extra(model, body)?;
    build(model, n_ctx, &marks, extra, body, ["input_prefix", "input_suffix", "prompt"])
}

/// The prompt of a completion with a `suffix`.
///
/// # Errors
/// As [`prompt`].
pub fn completion(model: &Model, n_ctx: u32, body: &Body) -> Result<Vec<u32>, RequestError> {
    build(model, n_ctx, &Marks::of(model)?, Vec::new(), body, ["prompt", "suffix", ""])
}

fn build(
    model: &Model,
    n_ctx: u32,
    marks: &Marks,
    extra: Vec<u32>,
    body: &Body,
    [prefix, suffix, begun]: [&str; 3],
) -> Result<Vec<u32>, RequestError> {
    let mut before = tokens(model, fields::text(body, prefix)?.unwrap_or_default(), prefix)?;
    let mut after = tokens(model, fields::text(body, suffix)?.unwrap_or_default(), suffix)?;
    let begun = if begun.is_empty() {
        Vec::new()
    } else {
        tokens(model, fields::text(body, begun)?.unwrap_or_default(), begun)?
    };
    // Half the context is for the gap and what was begun of it; prefix and suffix share the other half three to one.
    let half = usize::try_from(n_ctx / 2).unwrap_or(usize::MAX);
    let fixed = begun.len() + 4;
    before.drain(..before.len().saturating_sub(half / 4 * 3));
    after.truncate((half / 4).saturating_sub(4));
    let left = half.saturating_sub(before.len() + after.len() + fixed);
    let mut prompt = extra;
    prompt.drain(..prompt.len().saturating_sub(left));
    prompt.extend(model.bos().filter(|_| model.llama().add_bos_token()));
    prompt.push(marks.pre);
    prompt.extend(before);
    prompt.extend(begun);
    prompt.push(marks.suf);
    prompt.extend(after);
    prompt.push(marks.mid);
    Ok(prompt)
}

fn extra(model: &Model, body: &Body) -> Result<Vec<u32>, RequestError> {
    let param = "input_extra";
    let Some(files) = fields::array(body, param)? else { return Ok(Vec::new()) };
    if files.len() > EXTRAS_MAX {
        return Err(RequestError::member(param, format!("must hold at most {EXTRAS_MAX} files")));
    }
    let optional = |token: LlamaToken| u32::try_from(token.0).ok();
    let (repo, separator) = (optional(model.llama().token_fim_rep()), optional(model.llama().token_fim_sep()));
    let mut all = Vec::new();
    if let Some(repo) = repo {
        all.push(repo);
        all.extend(tokens(model, "myproject\n", param)?);
    }
    let named = |all: &mut Vec<u32>, name: &str| -> Result<(), RequestError> {
        match separator {
            Some(separator) => {
                all.push(separator);
                all.extend(tokens(model, &format!("{name}\n"), param)?);
            }
            None => all.extend(tokens(model, SNIPPET, param)?),
        }
        Ok(())
    };
    for file in files {
        let file = file.as_object().ok_or_else(|| RequestError::member(param, "must be an array of objects"))?;
        named(&mut all, fields::text(file, "filename")?.unwrap_or("tmp"))?;
        all.extend(tokens(model, fields::text(file, "text")?.unwrap_or_default(), param)?);
    }
    if separator.is_some() {
        named(&mut all, "filename")?;
    }
    Ok(all)
}

fn tokens(model: &Model, text: &str, param: &str) -> Result<Vec<u32>, RequestError> {
    model.tokenize(text, false, Special::Plaintext).map_err(|error| RequestError::member(param, error.to_string()))
}
