//! What a pull says of itself, and how a terminal shows it.

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use std::{
    io::IsTerminal,
    sync::{Mutex, PoisonError},
};

/// Something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A sentence for a person.
    Said(String),
    /// Bytes are here.
    Progress {
        /// So many.
        done: u64,
        /// Of so many, where that is known.
        total: Option<u64>,
    },
    /// The hash is computed.
    Verifying,
    /// The file was there already.
    Present,
    /// The file is in the library.
    Done,
}

/// Shows events on stderr: a bar on a terminal, a line every tenth otherwise.
#[derive(Debug)]
pub struct Terminal {
    name: String,
    bar: Option<ProgressBar>,
    tenths: Mutex<u64>,
}

impl Terminal {
    /// For a pull of `name`.
    pub fn new(name: &str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::no_length();
            bar.set_style(style("{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}"));
            bar.set_message(format!("pulling {name}"));
            bar
        });
        Self { name: name.to_owned(), bar, tenths: Mutex::new(0) }
    }

    /// Shows an event; never asks to stop.
    pub fn show(&self, event: Event) -> bool {
        match &self.bar {
            Some(bar) => self.draw(bar, event),
            None => self.print(event),
        }
        true
    }

    fn draw(&self, bar: &ProgressBar, event: Event) {
        match event {
            Event::Said(text) => bar.println(text),
            Event::Progress { done, total } => {
                if let Some(total) = total {
                    bar.set_length(total);
                }
                // A rate over bytes that were here before would be a boast.
                if bar.position() == 0 && done > 0 {
                    bar.set_position(done);
                    bar.reset_eta();
                }
                bar.set_position(done);
            }
            Event::Verifying => bar.set_message(format!("verifying {}", self.name)),
            Event::Present => bar.finish_with_message(format!("{} is here already", self.name)),
            Event::Done => {
                if !bar.is_finished() {
                    bar.finish_with_message(format!("pulled {}", self.name));
                }
            }
        }
    }

    fn print(&self, event: Event) {
        match event {
            Event::Said(text) => eprintln!("{text}"),
            Event::Progress { done, total: Some(total) } if total > 0 => {
                let tenth = done.saturating_mul(10) / total;
                let mut shown = self.tenths.lock().unwrap_or_else(PoisonError::into_inner);
                if tenth > *shown {
                    *shown = tenth;
                    eprintln!("pulling {}: {} of {}", self.name, HumanBytes(done), HumanBytes(total));
                }
            }
            Event::Progress { .. } => {}
            Event::Verifying => eprintln!("verifying {}", self.name),
            Event::Present => eprintln!("{} is here already", self.name),
            Event::Done => eprintln!("pulled {}", self.name),
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
