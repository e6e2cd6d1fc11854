//! One child process: its log file, its end, its restart.

use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{
    process::{Child, Command},
    time::timeout,
};

/// How long a process may take to end when asked to.
const END_WAIT: Duration = Duration::from_secs(15);

/// What to run, kept so that it can be run again.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Name in logs and on the terminal.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its environment, beside what is inherited.
    pub env: Vec<(String, OsString)>,
    /// Where stdout and stderr go.
    pub log: PathBuf,
}

impl Spec {
    /// A program with arguments.
    pub fn new(name: &str, program: PathBuf, log_dir: &Path) -> Self {
        Self {
            name: name.to_owned(),
            program,
            args: Vec::new(),
            env: Vec::new(),
            log: log_dir.join(format!("{name}.log")),
        }
    }

    /// Appends arguments.
    pub fn args<I: IntoIterator<Item = S>, S: Into<OsString>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable.
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }
}

/// A running child; killed when dropped.
#[derive(Debug)]
pub struct Process {
    spec: Spec,
    child: Child,
}

impl Process {
    /// Starts it. Its stdin is a pipe that ends with us: children that watch it end too.
    ///
    /// # Errors
    /// When the program cannot be started or the log not be written.
    pub fn start(spec: Spec) -> Result<Self> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&spec.log)
            .with_context(|| format!("cannot write {}", spec.log.display()))?;
        let mut command = Command::new(&spec.program);
        command
            .args(&spec.args)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .process_group(0);
        for (name, value) in &spec.env {
            command.env(name, value);
        }
        let child = command.spawn().with_context(|| format!("cannot start {}", spec.program.display()))?;
        Ok(Self { spec, child })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// The last line of its log, and where the rest is.
    pub fn where_to_look(&self) -> String {
        format!(": {}\n  hint: see {}", self.last_line(), self.spec.log.display())
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// When it has ended, with the last line of its log.
    pub fn alive(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended ({status}){}", self.spec.name, self.where_to_look()),
        }
    }

    /// SIGKILL to it and what it started, as a power cut would; returns when it is gone.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub async fn kill_hard(&mut self) -> Result<()> {
        self.signal(Signal::SIGKILL, true);
        self.child.wait().await?;
        Ok(())
    }

    /// SIGKILL to it alone, as the out-of-memory killer would.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub async fn kill_alone(&mut self) -> Result<()> {
        self.signal(Signal::SIGKILL, false);
        self.child.wait().await?;
        Ok(())
    }

    /// Starts it again with the same arguments.
    ///
    /// # Errors
    /// As [`Process::start`].
    pub fn restart(&mut self) -> Result<()> {
        *self = Self::start(self.spec.clone())?;
        Ok(())
    }

    /// SIGTERM, then SIGKILL to whatever of its group is left.
    pub async fn stop(mut self) {
        self.signal(Signal::SIGTERM, false);
        let _ = timeout(END_WAIT, self.child.wait()).await;
        self.signal(Signal::SIGKILL, true);
        let _ = self.child.wait().await;
    }

    fn signal(&self, signal: Signal, group: bool) {
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
            // Gone already is as good.
            let _ = kill(Pid::from_raw(if group { -pid } else { pid }), signal);
        }
    }

    fn last_line(&self) -> String {
        let text = File::open(&self.spec.log).and_then(std::io::read_to_string).unwrap_or_default();
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        lines
            .iter()
            .rev()
            .find(|line| line.contains("error"))
            .or(lines.last())
            .unwrap_or(&"its log is empty")
            .to_string()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL, true);
    }
}
