//! The frame of a binary, seen from outside: exit codes, what goes to which stream, and an orderly end on a signal.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Command, Stdio},
};

fn frame(what: &str) -> Command {
    let mut path = std::env::current_exe().expect("this binary");
    path.pop();
    path.pop();
    let mut command = Command::new(path.join("examples").join("frame"));
    command.arg(what).env_remove("OGONG_LOG").env_remove("RUST_LOG");
    command
}

#[test]
fn exit_codes_and_streams_are_the_contract() {
    for (what, code, stderr) in [
        ("ok", 0, ""),
        ("fail", 1, "error: no answer\nhint: start the chain\n"),
        ("typo", 2, "error: \"typo\" is none of ok, fail, wait\n"),
    ] {
        let output = frame(what).output().expect("ran");
        assert_eq!(output.status.code(), Some(code), "{what}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), stderr, "{what}");
        assert!(output.stdout.is_empty(), "{what}: data only on stdout");
    }
}

#[cfg(unix)]
#[test]
fn both_signals_end_it_in_order() {
    for signal in ["TERM", "INT"] {
        let mut child = frame("wait").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
        let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
        let mut line = String::new();
        stderr.read_line(&mut line).expect("read");
        let log: serde_json::Value = serde_json::from_str(&line).expect("a JSON line");
        assert_eq!(log["fields"]["message"], "waiting");
        let arguments = [format!("-{signal}"), child.id().to_string()];
        let sent = Command::new("kill").args(arguments).status().expect("sent");
        assert!(sent.success());
        let mut stdout = String::new();
        child.stdout.take().expect("piped").read_to_string(&mut stdout).expect("read");
        assert_eq!(stdout, "orderly end\n", "{signal}");
        assert_eq!(child.wait().expect("ended").code(), Some(0), "{signal}");
    }
}
