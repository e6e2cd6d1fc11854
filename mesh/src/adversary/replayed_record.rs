//! The lie: every question is answered once; whoever asks it again gets the old answer with its old trajectory, for the full price.
//!
//! The trajectory is the right model's on the right prompt, but it was drawn with another order's coins (SPEC 2.3, 5.5, 4). Where the very
//! record of the old order is shown again, it names the old order (SPEC 5.5, 1).

use super::{Asked, Expected, Lie};
use anyhow::{Result, ensure};
use bytes::Bytes;
use ogong_audit::Check;
use ogong_base::hash::{ReplyId, sha256};
use ogong_commitment::builder::Trajectory;
use ogong_engine::client::CommitHeaders;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// The old trajectory under a new record.
pub const TRAJECTORY: Expected = Expected::of(&[Check::Replay], &[Check::MarginMean, Check::MarginPosition]);
/// The old record itself.
pub const RECORD: Expected =
    Expected::of(&[Check::RecordBinding], &[Check::Replay, Check::MarginMean, Check::MarginPosition]);

/// Answers from a cupboard of old answers, by request and its limit.
#[derive(Debug, Default)]
pub struct ReplayedRecord {
    old: Mutex<HashMap<(Bytes, u32), Trajectory>>,
}

impl Lie for ReplayedRecord {
    fn name(&self) -> &'static str {
        "replayed_record"
    }

    fn changes_text(&self) -> bool {
        true
    }

    async fn trajectory(&self, asked: &Asked, made: Trajectory) -> Result<Trajectory> {
        let key = (asked.body.clone(), asked.commit.limits.max_tokens);
        let known = self.old.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(mut old) = known {
            old.header.class = made.header.class;
            return Ok(old);
        }
        let mut old = earlier(asked).await?;
        old.header.class = made.header.class;
        self.old.lock().unwrap_or_else(PoisonError::into_inner).insert(key, old.clone());
        Ok(old)
    }
}

/// What the engine answered to the same question under an earlier order.
async fn earlier(asked: &Asked) -> Result<Trajectory> {
    let reply_id = ReplyId::from_bytes(sha256(asked.commit.reply_id.as_bytes()));
    let commit = CommitHeaders { reply_id, limits: asked.commit.limits };
    let response = asked.engine.forward(&asked.path, asked.body.clone(), Some(commit)).await?;
    ensure!(response.status().is_success(), "the engine refused the earlier order");
    response.bytes().await?;
    Ok(asked.engine.trajectory(reply_id).await?)
}
