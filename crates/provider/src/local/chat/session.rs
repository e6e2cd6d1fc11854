//! One conversation: what was said, how it is asked, how an answer is shown.

use super::{interrupted, wrap::Wrap};
use crate::{
    Error,
    local::{
        cli::Run,
        library::Entry,
        pool::Lease,
        relay,
        shelf::{Ready, options_of},
    },
};
use futures::StreamExt;
use ogong_daemon::Shutdown;
use ogong_openai::{
    Endpoint, Turn,
    ollama::{Options, format},
};
use serde_json::{Map, Value, json};
use std::io::{IsTerminal, Write};
use tokio::time::Instant;

/// A conversation with one model.
pub struct Session {
    ready: Ready,
    /// What was said, in the engine's shape.
    pub messages: Vec<Value>,
    /// System prompt.
    pub system: Option<String>,
    /// Parameters set by `/set parameter`, under Ollama's names.
    pub parameters: Map<String, Value>,
    /// Whether answers must be JSON.
    pub json: bool,
    /// Whether counts follow answers.
    pub verbose: bool,
    /// Whether lines break at the terminal's width.
    pub wrap: bool,
}

impl Session {
    /// A conversation that begins with what the model was made with.
    pub fn new(entry: Entry, lease: Lease, flags: &Run) -> Self {
        let ready = Ready { entry: Some(entry), lease };
        Self {
            messages: Vec::new(),
            system: flags.system.clone().or_else(|| ready.system().map(str::to_owned)),
            parameters: Map::new(),
            json: flags.format.is_some(),
            verbose: flags.verbose,
            wrap: !flags.nowordwrap,
            ready,
        }
    }

    /// The model.
    pub fn entry(&self) -> Option<&Entry> {
        self.ready.entry.as_ref()
    }

    /// Answers on stdout and returns.
    ///
    /// # Errors
    /// When the engine refuses or fails.
    pub async fn answer_once(&mut self, prompt: &str, shutdown: &Shutdown) -> Result<(), Error> {
        self.ask(prompt, shutdown).await.map_err(|error| Error::Answer { why: error })?;
        Ok(())
    }

    /// Asks, and writes the answer as it comes. Ctrl-C stops it; what came so far stays in the conversation.
    ///
    /// # Errors
    /// In words, when the engine refuses or fails; the prompt is then forgotten.
    pub async fn ask(&mut self, prompt: &str, shutdown: &Shutdown) -> Result<(), String> {
        self.messages.push(json!({"role": "user", "content": prompt}));
        let outcome = self.answer(shutdown).await;
        match &outcome {
            Ok(turn) => self.messages.push(json!({"role": "assistant", "content": turn.text})),
            Err(_) => drop(self.messages.pop()),
        }
        outcome.map(drop)
    }

    async fn answer(&self, shutdown: &Shutdown) -> Result<Turn, String> {
        let body = self.body()?;
        let begun = Instant::now();
        let response = tokio::select! {
            response = relay::ask(&self.ready, Endpoint::Chat.path(), &body) => response.map_err(|refusal| refusal.to_string())?,
            () = interrupted(shutdown) => return Ok(Turn::default()),
        };
        let mut pieces = Box::pin(relay::pieces(response));
        let mut screen = Screen::new(self.wrap);
        let mut turn = Turn::default();
        let mut first = None;
        loop {
            let piece = tokio::select! {
                piece = pieces.next() => piece,
                // Dropping the stream hangs up, which ends the engine's work.
                () = interrupted(shutdown) => break,
            };
            match piece {
                Some(Ok(piece)) => {
                    if !(piece.text.is_empty() && piece.thinking.is_empty()) {
                        first.get_or_insert_with(Instant::now);
                    }
                    turn.push(&piece);
                    if !screen.write(&piece.thinking, true) || !screen.write(&piece.text, false) {
                        break;
                    }
                }
                Some(Err(refusal)) => {
                    screen.end();
                    return Err(refusal.to_string());
                }
                None => break,
            }
        }
        screen.end();
        if self.verbose {
            eprint!("{}", counts(&turn, begun, first));
        }
        Ok(turn)
    }

    fn body(&self) -> Result<Value, String> {
        let given = Options::read(Some(&Value::Object(self.parameters.clone()))).map_err(|error| error.to_string())?;
        let options = Options::defaults().overridden_by(options_of(self.entry())).overridden_by(given);
        let system = self.system.iter().map(|system| json!({"role": "system", "content": system}));
        let messages: Vec<Value> =
            system.chain(self.ready.messages().iter().cloned()).chain(self.messages.iter().cloned()).collect();
        let mut body = Map::new();
        body.insert("messages".into(), messages.into());
        body.extend(options.engine);
        if self.json {
            let wanted = Map::from_iter([("format".to_owned(), json!("json"))]);
            format::response_format(&wanted, &mut body).map_err(|error| error.to_string())?;
        }
        body.insert("stream".into(), true.into());
        body.insert("stream_options".into(), json!({"include_usage": true}));
        Ok(Value::Object(body))
    }
}

/// stdout, with breaks and dimmed reasoning where it is a terminal.
struct Screen {
    wrap: Wrap,
    terminal: bool,
    dim: bool,
    ended_line: bool,
}

impl Screen {
    fn new(wrap: bool) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let width = (terminal && wrap).then(|| usize::from(console::Term::stdout().size().1));
        Self { wrap: Wrap::new(width), terminal, dim: false, ended_line: true }
    }

    /// Writes a piece; `false` when nobody reads any more.
    fn write(&mut self, text: &str, thinking: bool) -> bool {
        // In a pipe only the answer is wanted.
        if text.is_empty() || (thinking && !self.terminal) {
            return true;
        }
        let mut out = String::new();
        if self.terminal && thinking != self.dim {
            out.push_str(if thinking { "\x1b[2m" } else { "\x1b[0m\n\n" });
            self.dim = thinking;
        }
        out.push_str(&self.wrap.push(text));
        self.ended_line = text.ends_with('\n');
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(out.as_bytes()).and_then(|()| stdout.flush()).is_ok()
    }

    fn end(&mut self) {
        let reset = if self.dim { "\x1b[0m" } else { "" };
        let newline = if self.ended_line { "" } else { "\n" };
        let blank = if self.terminal { "\n" } else { "" };
        let mut stdout = std::io::stdout().lock();
        // Who no longer reads misses nothing.
        let _ = stdout.write_all(format!("{reset}{newline}{blank}").as_bytes()).and_then(|()| stdout.flush());
    }
}

fn counts(turn: &Turn, begun: Instant, first: Option<Instant>) -> String {
    let total = begun.elapsed().as_secs_f64();
    let wait = first.map_or(total, |first| first.duration_since(begun).as_secs_f64());
    let (prompt, answer) = match turn.timings {
        Some(timings) => (timings.prompt_ms / 1_000.0, timings.predicted_ms / 1_000.0),
        None => (wait, total - wait),
    };
    let rate = |tokens: u32, seconds: f64| if seconds > 0.0 { f64::from(tokens) / seconds } else { 0.0 };
    let usage = turn.usage;
    let times = format!("total time          {total:.2} s\ntime to first token {wait:.2} s\n");
    if usage.total_tokens == 0 {
        // It was stopped before the engine counted; what came was counted here.
        let rate = rate(turn.pieces.saturating_sub(1), total - wait);
        return format!("{times}answer              {} tokens until it was stopped, {rate:.1} tok/s\n", turn.pieces);
    }
    format!(
        "{times}prompt              {} tokens, {:.1} tok/s\nanswer              {} tokens, {:.1} tok/s\n",
        usage.prompt_tokens,
        rate(usage.prompt_tokens, prompt),
        usage.completion_tokens,
        rate(usage.completion_tokens, answer),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use ogong_openai::Piece;

    fn turn(chunks: &[&str]) -> Turn {
        let mut turn = Turn::default();
        for chunk in chunks {
            turn.push(&Piece::read(chunk.as_bytes()).expect("a chunk"));
        }
        turn
    }

    #[test]
    fn an_answer_that_was_stopped_is_counted_by_what_came() {
        let begun = Instant::now();
        let said = [
            r#"{"choices":[{"index":0,"delta":{"role":"assistant"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"b"}}]}"#,
        ];
        let stopped = counts(&turn(&said), begun, Some(begun));
        assert!(stopped.contains("2 tokens until it was stopped") && !stopped.contains("prompt"), "{stopped}");
        let whole =
            [&said[..], &[r#"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":3,"total_tokens":8}}"#]]
                .concat();
        let ended = counts(&turn(&whole), begun, Some(begun));
        assert!(ended.contains("5 tokens,") && ended.contains("3 tokens,"), "{ended}");
    }
}
