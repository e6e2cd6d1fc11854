//! What a listener hears of its reply.

use std::sync::Arc;

use ogong_commitment::builder::Trajectory;
use ogong_commitment::leaf::Stop;

use crate::error::Error;
use crate::logprobs::TokenLogprobs;
use crate::timings::Timings;

/// What a listener hears of its reply.
#[derive(Debug)]
pub enum Event {
    /// Raw bytes of the answer; may cut a character.
    Text(Vec<u8>),
    /// How likely the next token was, ahead of its text, where that was asked for.
    Logprobs(TokenLogprobs),
    /// The answer is complete.
    Done(Done),
    /// The answer failed; nothing is committed.
    Failed(Error),
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model said so.
    EndToken,
    /// A stop string came up.
    StopString,
    /// The limit of tokens or of the context.
    Length,
}

impl Finish {
    /// OpenAI's word for it.
    pub fn reason(self) -> &'static str {
        match self {
            Self::EndToken | Self::StopString => "stop",
            Self::Length => "length",
        }
    }
}

/// A complete answer.
#[derive(Clone, Debug)]
pub struct Done {
    /// How it ended.
    pub finish: Finish,
    /// Tokens of the prompt.
    pub n_prompt: u32,
    /// How many of them came from memory.
    pub n_cached: u32,
    /// Tokens of the answer, the end token among them.
    pub n_tokens: u32,
    /// How long it took.
    pub timings: Timings,
    /// What was committed, in commit mode.
    pub trajectory: Option<Arc<Trajectory>>,
}

impl From<Finish> for Stop {
    fn from(finish: Finish) -> Self {
        match finish {
            Finish::EndToken => Self::EndToken,
            Finish::StopString => Self::StopString,
            Finish::Length => Self::Length,
        }
    }
}
