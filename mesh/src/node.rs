//! A running role, in one of two ways: a process of its own, as users run it, or a task in this process, for fast tests.
//!
//! Both are started from the same [`Spec`], so a test in one process reads the flags that a user would write.

use crate::{
    process::{Process, Spec},
    task::Task,
};
use anyhow::{Result, bail};
use std::{path::Path, time::Duration};
use tokio::time::{Instant, sleep};

/// How often a file that is waited for is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// How the roles of a mesh run. Chain and engines are processes in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// Each a process.
    Processes,
    /// All in this process.
    InProcess,
}

/// A running role.
#[derive(Debug)]
pub enum Node {
    /// A process of its own.
    Process(Process),
    /// A task of this process.
    Task(Task),
}

impl Node {
    /// Starts a role.
    ///
    /// # Errors
    /// When the program cannot be started or its flags are wrong.
    pub fn start(driver: Driver, spec: Spec) -> Result<Self> {
        Ok(match driver {
            Driver::Processes => Self::Process(Process::start(spec)?),
            Driver::InProcess => Self::Task(Task::start(spec)?),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Process(process) => process.name(),
            Self::Task(task) => task.name(),
        }
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// When it has ended, with what it said last.
    pub fn alive(&mut self) -> Result<()> {
        match self {
            Self::Process(process) => process.alive(),
            Self::Task(task) => task.alive(),
        }
    }

    /// Waits until it has written a file that says it is ready.
    ///
    /// # Errors
    /// When it ends first or takes too long.
    pub async fn ready(&mut self, file: &Path, within: Duration) -> Result<Vec<u8>> {
        let deadline = Instant::now() + within;
        loop {
            if let Ok(bytes) = std::fs::read(file)
                && !bytes.is_empty()
            {
                return Ok(bytes);
            }
            self.alive()?;
            if Instant::now() > deadline {
                bail!("{} was not ready in {} s{}", self.name(), within.as_secs(), self.where_to_look());
            }
            sleep(LOOK).await;
        }
    }

    /// What a person is told about its log.
    pub fn where_to_look(&self) -> String {
        match self {
            Self::Process(process) => process.where_to_look(),
            Self::Task(_) => "\n  hint: its log is this process's own".to_owned(),
        }
    }

    /// The process, to be killed.
    ///
    /// # Errors
    /// When it is a task, which dies with its host only.
    pub fn process(&mut self) -> Result<&mut Process> {
        match self {
            Self::Process(process) => Ok(process),
            Self::Task(task) => bail!("{} is no process of its own", task.name()),
        }
    }

    /// Asks it to end and waits until it has.
    pub async fn stop(self) {
        match self {
            Self::Process(process) => process.stop().await,
            Self::Task(task) => task.stop().await,
        }
    }
}
