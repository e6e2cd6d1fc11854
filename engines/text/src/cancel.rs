//! Giving up a load that is under way: llama.cpp must not be computing while the process ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;

/// Tells a load to stop; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks the load to stop at the next occasion.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Lets the load go on.
    ///
    /// # Errors
    /// [`Error::Stopped`] once asked to stop.
    pub fn check(&self) -> Result<(), Error> {
        if self.0.load(Ordering::Acquire) { Err(Error::Stopped) } else { Ok(()) }
    }
}
