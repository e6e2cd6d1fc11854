//! The chain's model catalogue, read when needed and remembered for a while (SPEC 1.5).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use ogong_base::hash::ModelRoot;
use ogong_base::model_id::ModelId;
use ogong_base::params::REGISTRY_REFRESH_MS;
use ogong_settlement::Error;

use crate::ledger::Ledger;

/// Models remembered; the catalogue of a network is small.
const MODELS_KEPT: usize = 1_024;

/// Roots by model id, with the time they were read.
#[derive(Debug, Default)]
pub struct Catalogue(Mutex<BTreeMap<ModelId, (ModelRoot, u64)>>);

impl Catalogue {
    /// The root of a model. What the catalogue does not list is asked for again every time: it may be listed soon.
    ///
    /// # Errors
    /// When the chain does not answer.
    pub async fn root(&self, ledger: &dyn Ledger, model: &ModelId, now_ms: u64) -> Result<Option<ModelRoot>, Error> {
        if let Some(root) = self.remembered(model, now_ms) {
            return Ok(Some(root));
        }
        let found = ledger.model_root(model).await?;
        if let Some(root) = found {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() >= MODELS_KEPT {
                kept.pop_first();
            }
            kept.insert(model.clone(), (root, now_ms));
        }
        Ok(found)
    }

    fn remembered(&self, model: &ModelId, now_ms: u64) -> Option<ModelRoot> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(model)
            .filter(|(_, read_ms)| now_ms.saturating_sub(*read_ms) < REGISTRY_REFRESH_MS)
            .map(|(root, _)| *root)
    }
}
