//! The prompt: reading lines with an editor and a history, and doing what they say.

use super::{
    command::{self, HELP, Line, Setting, Shown},
    session::Session,
};
use crate::{
    Error,
    local::{library::Library, manifest::Made, shelf::options_of},
};
use ogong_daemon::Shutdown;
use ogong_openai::ollama::Options;
use rustyline::{DefaultEditor, error::ReadlineError};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// The history, in the home directory.
const HISTORY: &str = "history";
const PROMPT: &str = ">>> ";
const PROMPT_MORE: &str = "... ";

/// Chats until the person leaves.
///
/// # Errors
/// When the terminal cannot be read.
pub(super) async fn chat(
    home: &Path,
    library: &Library,
    session: &mut Session,
    shutdown: &Shutdown,
) -> Result<(), Error> {
    let mut editor = Editor::open(home.join(HISTORY))?;
    eprintln!("/? lists commands, /bye leaves");
    while !shutdown.is_triggered() {
        let (returned, line) =
            tokio::task::spawn_blocking(move || editor.line()).await.map_err(|error| terminal(&error))?;
        editor = returned;
        let Some(line) = line? else { break };
        match line {
            Line::Ask(prompt) => {
                if let Err(why) = session.ask(&prompt, shutdown).await {
                    eprintln!("error: {why}");
                }
            }
            Line::Bye => break,
            Line::Empty | Line::Several(_) => {}
            Line::Help => eprint!("{HELP}"),
            Line::Clear => {
                session.messages.clear();
                eprintln!("forgotten what was said");
            }
            Line::Save(name) => match save(library, session, &name) {
                Ok(()) => eprintln!("saved {name}"),
                Err(error) => eprintln!("error: {error}"),
            },
            Line::Set(Setting::History(keep)) => editor.keep = keep,
            Line::Set(setting) => set(session, setting),
            Line::Show(what) => show(library, session, what),
            Line::Wrong(why) => eprintln!("{why}"),
        }
    }
    editor.close();
    Ok(())
}

fn set(session: &mut Session, setting: Setting) {
    match setting {
        Setting::System(text) if text.is_empty() => session.system = None,
        Setting::System(text) => session.system = Some(text),
        Setting::Parameter(name, value) => {
            let one = Value::Object(Map::from_iter([(name.clone(), value.clone())]));
            match Options::read(Some(&one)) {
                Ok(options) if options.unknown.is_empty() => drop(session.parameters.insert(name, value)),
                Ok(_) => eprintln!("{name} is no parameter"),
                Err(error) => eprintln!("{error}"),
            }
        }
        Setting::Verbose(verbose) => session.verbose = verbose,
        Setting::Json(json) => session.json = json,
        Setting::Wrap(wrap) => session.wrap = wrap,
        Setting::History(_) => {}
    }
}

fn show(library: &Library, session: &Session, what: Shown) {
    let Some(entry) = session.entry() else { return };
    let head = library.head(&entry.path);
    let of_head = |key: &str| head.as_ref().ok().and_then(|head| head.text(key)).unwrap_or("none").to_owned();
    match what {
        Shown::Info => match &head {
            Ok(head) => {
                eprintln!("model         {}", entry.id);
                eprintln!("file          {}", entry.path.display());
                eprintln!("architecture  {}", head.architecture().unwrap_or("unknown"));
                eprintln!("parameters    {}", head.parameters);
                eprintln!("format        {}", head.weight_format().unwrap_or("unknown"));
                eprintln!("context       {}", head.count("context_length").unwrap_or(0));
            }
            Err(error) => eprintln!("{} {error}", entry.path.display()),
        },
        Shown::System => eprintln!("{}", session.system.as_deref().unwrap_or("none")),
        Shown::Parameters => {
            let mut all = options_of(Some(entry)).engine;
            all.extend(session.parameters.clone());
            for (name, value) in &all {
                eprintln!("{name:<20}{value}");
            }
            if all.is_empty() {
                eprintln!("none set");
            }
        }
        Shown::Template => eprintln!("{}", of_head("tokenizer.chat_template")),
        Shown::License => eprintln!("{}", of_head("general.license")),
    }
}

fn save(library: &Library, session: &Session, name: &str) -> Result<(), Error> {
    let Some(entry) = session.entry() else { return Ok(()) };
    if library.find(name)?.is_some_and(|known| known.made.is_none()) {
        return Err(Error::ModelName { name: name.to_owned() });
    }
    let base = entry.made.clone().unwrap_or_default();
    let mut parameters = base.parameters;
    parameters.extend(session.parameters.clone());
    let made = Made {
        file: entry.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        from: entry.id.clone(),
        system: session.system.clone(),
        parameters,
        messages: base.messages.into_iter().chain(session.messages.iter().cloned()).collect(),
        license: base.license,
    };
    if entry.path.parent() != Some(library.dir()) {
        return Err(Error::NotServed {
            what: format!("{} is not in {}", entry.path.display(), library.dir().display()),
        });
    }
    made.write(&library.made_path(name)?)
}

fn terminal(error: &dyn std::fmt::Display) -> Error {
    Error::File { path: "terminal".into(), source: std::io::Error::other(error.to_string()) }
}

/// The line editor and its history.
struct Editor {
    inner: DefaultEditor,
    file: PathBuf,
    keep: bool,
}

impl Editor {
    fn open(file: PathBuf) -> Result<Self, Error> {
        let mut inner = DefaultEditor::new().map_err(|error| terminal(&error))?;
        // The first time there is none.
        let _ = inner.load_history(&file);
        Ok(Self { inner, file, keep: true })
    }

    /// The next line or several, understood; `None` at Ctrl-C and Ctrl-D.
    fn line(mut self) -> (Self, Result<Option<Line>, Error>) {
        let outcome = self.read();
        (self, outcome)
    }

    fn read(&mut self) -> Result<Option<Line>, Error> {
        let Some(first) = self.one(PROMPT)? else { return Ok(None) };
        let line = command::read(&first);
        let (line, typed) = match line {
            Line::Several(mut text) => {
                loop {
                    let Some(next) = self.one(PROMPT_MORE)? else { return Ok(Some(Line::Empty)) };
                    text.push('\n');
                    if let Some(last) = next.trim_end().strip_suffix("\"\"\"") {
                        text.push_str(last);
                        break;
                    }
                    text.push_str(&next);
                }
                let text = text.trim_matches('\n').to_owned();
                (Line::Ask(text.clone()), format!("\"\"\"{text}\"\"\""))
            }
            line => (line, first),
        };
        if self.keep && !matches!(line, Line::Empty) {
            // A history that cannot be written is no reason to stop.
            let _ = self.inner.add_history_entry(typed);
        }
        Ok(Some(line))
    }

    fn one(&mut self, prompt: &str) -> Result<Option<String>, Error> {
        match self.inner.readline(prompt) {
            Ok(line) => Ok(Some(line)),
            Err(ReadlineError::Eof | ReadlineError::Interrupted) => Ok(None),
            Err(error) => Err(terminal(&error)),
        }
    }

    fn close(mut self) {
        if self.keep && self.inner.save_history(&self.file).is_err() {
            tracing::warn!(file = %self.file.display(), "history could not be written");
        }
    }
}
