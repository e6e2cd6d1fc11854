//! What a command has to say, for people and for scripts.

use serde_json::{Map, Value};

/// A command's result.
pub struct Outcome(pub Value);

/// A command's failure: a sentence and, where there is one, a hint.
pub struct Failure {
    message: String,
    causes: Vec<String>,
    hint: Option<&'static str>,
}

impl Outcome {
    /// Data goes to standard output: one line of JSON, or `name value` lines.
    pub fn print(&self, json: bool) {
        if json {
            println!("{}", self.0);
            return;
        }
        match &self.0 {
            Value::Array(rows) if rows.is_empty() => eprintln!("none"),
            Value::Array(rows) => {
                for (place, row) in rows.iter().enumerate() {
                    if place > 0 {
                        println!();
                    }
                    lines(row);
                }
            }
            one => lines(one),
        }
    }
}

impl Failure {
    /// A failure without a cause of its own.
    pub fn new(message: impl Into<String>, hint: Option<&'static str>) -> Self {
        Self { message: message.into(), causes: Vec::new(), hint }
    }

    /// Everything but data goes to standard error.
    pub fn report(&self) {
        eprintln!("error: {}", self.message);
        for cause in &self.causes {
            eprintln!("  caused by: {cause}");
        }
        if let Some(hint) = self.hint {
            eprintln!("hint: {hint}");
        }
    }
}

impl From<ogong_settlement::Error> for Failure {
    fn from(error: ogong_settlement::Error) -> Self {
        let mut causes = Vec::new();
        let mut cause = std::error::Error::source(&error);
        while let Some(inner) = cause {
            causes.push(inner.to_string());
            cause = inner.source();
        }
        Self { message: error.to_string(), causes, hint: error.hint() }
    }
}

fn lines(row: &Value) {
    let empty = Map::new();
    for (name, value) in row.as_object().unwrap_or(&empty) {
        match value {
            Value::String(text) => println!("{name:<18} {text}"),
            other => println!("{name:<18} {other}"),
        }
    }
}
