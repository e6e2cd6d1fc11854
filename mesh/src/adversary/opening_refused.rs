//! The lie: the provider pushes its record and then opens nothing, as one would that never kept what it committed to.
//!
//! It has until the deadline; after it the silence itself rejects (SPEC 5.6). There is nothing to switch off: without leaves no check
//! can pass, so without the deadline the reply would just never settle.

use super::Expected;
use ogong_audit::Check;

/// What catches it.
pub const EXPECTED: Expected = Expected::of(&[Check::Opening], &[]);
