//! `doctor`: looks at what a local server needs, and says what to do about what is missing.

use super::{cli::Doctor, library::Library, plan};
use crate::Error;
use indicatif::HumanBytes;
use ogong_engine::{
    EngineClient,
    supervisor::{PROGRAM, beside},
};
use serde_json::{Value, json};
use std::path::Path;
use tokio::process::Command;

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    good: bool,
    said: String,
    hint: Option<&'static str>,
}

/// Looks at everything; prints a line each.
///
/// # Errors
/// When something is missing without which nothing can be served.
pub async fn run(home: &Path, flags: &Doctor) -> Result<(), Error> {
    let library = Library::open(home)?;
    let findings =
        [engine(flags).await, models(&library), memory(), writable(&library), pip().await, server(flags).await];
    if flags.json {
        let rows: Vec<Value> = findings
            .iter()
            .map(|finding| json!({"what": finding.what, "good": finding.good, "said": finding.said, "hint": finding.hint}))
            .collect();
        println!("{}", Value::Array(rows));
    } else {
        for finding in &findings {
            println!("{}  {:<10}{}", if finding.good { "ok" } else { "--" }, finding.what, finding.said);
            if let (false, Some(hint)) = (finding.good, finding.hint) {
                println!("    hint: {hint}");
            }
        }
    }
    match findings.iter().find(|finding| finding.what == "engine" && !finding.good) {
        Some(_) => Err(Error::NotServed { what: "without its engine nothing can be served".into() }),
        None => Ok(()),
    }
}

async fn engine(flags: &Doctor) -> Finding {
    let program = flags.text_server.clone().unwrap_or_else(|| beside(PROGRAM));
    let output = Command::new(&program).arg("--version").kill_on_drop(true).output().await;
    let (good, said) = match output {
        Ok(output) if output.status.success() => {
            (true, format!("{} ({})", String::from_utf8_lossy(&output.stdout).trim(), program.display()))
        }
        Ok(output) => (false, format!("{} ended with {}", program.display(), output.status)),
        Err(error) => (false, format!("{}: {error}", program.display())),
    };
    Finding {
        what: "engine",
        good,
        said,
        hint: Some("build it with `cargo build -p ogong-text`, or name it with OGONG_TEXT_SERVER"),
    }
}

fn models(library: &Library) -> Finding {
    let entries = library.list().unwrap_or_default();
    let bad: Vec<String> = entries
        .iter()
        .filter_map(|entry| library.head(&entry.path).err().map(|error| format!("{} {error}", entry.id)))
        .collect();
    let (good, said) = match (entries.len(), bad.as_slice()) {
        (0, _) => (false, format!("none in {}", library.dir().display())),
        (count, []) => (true, format!("{count} in {}", library.dir().display())),
        _ => (false, bad.join("; ")),
    };
    Finding {
        what: "models",
        good,
        said,
        hint: Some("ogong-provider pull smollm2-135m-instruct; remove what is damaged and pull it again"),
    }
}

fn memory() -> Finding {
    let said = match plan::total_memory() {
        Some(total) => {
            format!("{}, of which models may take {}", HumanBytes(total), HumanBytes(plan::default_budget()))
        }
        None => format!("unknown here; models may take {}", HumanBytes(plan::default_budget())),
    };
    Finding { what: "memory", good: true, said, hint: None }
}

fn writable(library: &Library) -> Finding {
    let tried = tempfile::tempfile_in(library.dir());
    let said = match &tried {
        Ok(_) => format!("{} can be written", library.dir().display()),
        Err(error) => format!("{} cannot be written: {error}", library.dir().display()),
    };
    Finding {
        what: "disk",
        good: tried.is_ok(),
        said,
        hint: Some("check owner, mode and free space, or choose another --home"),
    }
}

async fn pip() -> Finding {
    let output = Command::new("python3").args(["-m", "pip", "--version"]).kill_on_drop(true).output().await;
    let found = output.ok().filter(|output| output.status.success());
    let said = found.as_ref().map_or_else(
        || "not found: models that packages carry cannot be pulled".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).split(" from ").next().unwrap_or_default().to_owned(),
    );
    Finding { what: "pip", good: found.is_some(), said, hint: Some("install python3 with pip, or pull by URL") }
}

async fn server(flags: &Doctor) -> Finding {
    let url = format!("http://{}", flags.listen);
    let health = match EngineClient::new(&url) {
        Ok(client) => client.get("/api/version").await.ok(),
        Err(_) => None,
    };
    let (good, said) = match health {
        None => (true, format!("none runs at {url}; `ogong-provider local` starts one")),
        Some(response) => {
            let body: Value = response.json().await.unwrap_or_default();
            match body.get("server").and_then(Value::as_str) {
                Some(server) => (true, format!("{server} runs at {url}")),
                None => (false, format!("another program holds {url}")),
            }
        }
    };
    Finding { what: "server", good, said, hint: Some("stop it, or choose another --listen") }
}
