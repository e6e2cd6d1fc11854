//! What a line at the prompt means.

use serde_json::{Number, Value};

/// A line, understood.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// Something to ask.
    Ask(String),
    /// Nothing.
    Empty,
    /// The rest of several lines follows, up to `"""`.
    Several(String),
    /// Leave.
    Bye,
    /// What can be typed.
    Help,
    /// Forget what was said.
    Clear,
    /// Save system prompt, parameters and what was said under a name.
    Save(String),
    /// Set something.
    Set(Setting),
    /// Show something.
    Show(Shown),
    /// A command that is none, and why.
    Wrong(String),
}

/// What `/set` sets.
#[derive(Debug, Clone, PartialEq)]
pub enum Setting {
    /// The system prompt; empty takes it away.
    System(String),
    /// A parameter.
    Parameter(String, Value),
    /// Counts after answers, or not.
    Verbose(bool),
    /// JSON answers, or free ones.
    Json(bool),
    /// Lines broken at the terminal's width, or not.
    Wrap(bool),
    /// Lines kept in the history, or not.
    History(bool),
}

/// What `/show` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// The model.
    Info,
    /// The system prompt.
    System,
    /// The parameters.
    Parameters,
    /// The chat template.
    Template,
    /// The licence.
    License,
}

/// What `/help` prints.
pub const HELP: &str = r#"/set system TEXT              set the system prompt
/set parameter NAME VALUE     temperature, top_p, num_predict, stop, seed, …
/set verbose | quiet          show counts and speed after answers, or not
/set format json | noformat   answers in JSON, or free
/set wordwrap | nowordwrap    break lines at the terminal's width, or not
/set history | nohistory      keep lines for the next time, or not
/show info | system | parameters | template | license
/save NAME                    save this conversation's settings as a model
/clear                        forget what was said
/bye                          leave; Ctrl-D and Ctrl-C do too
"""                           begins and ends a text of several lines
Ctrl-C during an answer stops it
"#;

/// Understands a line.
pub fn read(line: &str) -> Line {
    let trimmed = line.trim();
    if trimmed.is_empty() {
        return Line::Empty;
    }
    if let Some(rest) = trimmed.strip_prefix("\"\"\"") {
        return match rest.strip_suffix("\"\"\"") {
            Some(text) => Line::Ask(text.to_owned()),
            None => Line::Several(rest.to_owned()),
        };
    }
    // A path is no command.
    let is_command =
        trimmed.starts_with('/') && !trimmed.split_whitespace().next().unwrap_or_default()[1..].contains('/');
    if !is_command {
        return Line::Ask(trimmed.to_owned());
    }
    let (command, rest) = trimmed.split_once(char::is_whitespace).unwrap_or((trimmed, ""));
    let rest = rest.trim();
    match command {
        "/bye" | "/exit" | "/quit" => Line::Bye,
        "/?" | "/help" => Line::Help,
        "/clear" => Line::Clear,
        "/save" if !rest.is_empty() => Line::Save(rest.to_owned()),
        "/save" => Line::Wrong("/save NAME".into()),
        "/set" => set(rest),
        "/show" => show(rest),
        _ => Line::Wrong(format!("{command} is no command; /? lists them")),
    }
}

fn set(rest: &str) -> Line {
    let (what, value) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let value = value.trim();
    let setting = match what {
        "system" => Setting::System(value.trim_matches('"').to_owned()),
        "parameter" => match value.split_once(char::is_whitespace) {
            Some((name, value)) => Setting::Parameter(name.to_owned(), parameter(name, value.trim())),
            None => return Line::Wrong("/set parameter NAME VALUE".into()),
        },
        "verbose" => Setting::Verbose(true),
        "quiet" => Setting::Verbose(false),
        "format" if value == "json" => Setting::Json(true),
        "noformat" => Setting::Json(false),
        "wordwrap" => Setting::Wrap(true),
        "nowordwrap" => Setting::Wrap(false),
        "history" => Setting::History(true),
        "nohistory" => Setting::History(false),
        _ => return Line::Wrong(
            "/set system, parameter, verbose, quiet, format json, noformat, wordwrap, nowordwrap, history or nohistory"
                .into(),
        ),
    };
    Line::Set(setting)
}

/// Numbers as numbers; stop strings as they are typed.
fn parameter(name: &str, value: &str) -> Value {
    let number =
        value.parse::<i64>().map(Number::from).ok().or_else(|| value.parse::<f64>().ok().and_then(Number::from_f64));
    match number {
        Some(number) if name != "stop" => Value::Number(number),
        _ => Value::String(value.trim_matches('"').to_owned()),
    }
}

fn show(what: &str) -> Line {
    Line::Show(match what {
        "" | "info" => Shown::Info,
        "system" => Shown::System,
        "parameters" => Shown::Parameters,
        "template" => Shown::Template,
        "license" => Shown::License,
        _ => return Line::Wrong("/show info, system, parameters, template or license".into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lines_are_told_apart() {
        assert_eq!(read("  "), Line::Empty);
        assert_eq!(read("hello"), Line::Ask("hello".into()));
        assert_eq!(read("/etc/hosts: what is it?"), Line::Ask("/etc/hosts: what is it?".into()));
        assert_eq!(read("\"\"\"one\"\"\""), Line::Ask("one".into()));
        assert_eq!(read("\"\"\"one"), Line::Several("one".into()));
        assert_eq!(read("/bye"), Line::Bye);
        assert!(matches!(read("/nonsense"), Line::Wrong(_)));
        assert!(matches!(read("/save"), Line::Wrong(_)));
    }

    #[test]
    fn settings_carry_their_values() {
        assert_eq!(
            read("/set parameter temperature 0.5"),
            Line::Set(Setting::Parameter("temperature".into(), json!(0.5)))
        );
        assert_eq!(read("/set parameter stop 3"), Line::Set(Setting::Parameter("stop".into(), json!("3"))));
        assert_eq!(read("/set system be brief"), Line::Set(Setting::System("be brief".into())));
        assert_eq!(read("/set quiet"), Line::Set(Setting::Verbose(false)));
        assert!(matches!(read("/set format xml"), Line::Wrong(_)));
        assert_eq!(read("/show"), Line::Show(Shown::Info));
        assert!(matches!(read("/show soul"), Line::Wrong(_)));
    }
}
