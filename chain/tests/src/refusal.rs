//! Instructions that must fail, each with the number it must fail with.

use crate::World;
use litesvm::types::TransactionResult;
use ogong_chain_interface::ChainError;

/// The error that is wanted.
#[derive(Clone, Copy, Debug)]
pub enum Expected {
    /// One of the program's own.
    Chain(ChainError),
    /// One of Anchor's, of SPL Token's or of the system program's.
    Number(u32),
}

/// One attempt on a fresh chain.
pub struct Refusal {
    /// What is wrong with it.
    pub name: &'static str,
    /// How it must fail.
    pub expected: Expected,
    /// Sets the scene, then tries.
    pub attempt: fn(&mut World) -> TransactionResult,
}

/// The custom error number of a failed transaction.
pub fn number(result: &TransactionResult) -> Option<u32> {
    let failed = result.as_ref().err()?;
    let text = format!("{:?}", failed.err);
    let (_, tail) = text.split_once("Custom(")?;
    tail.split(')').next()?.parse().ok()
}

/// Runs every attempt in a world of three equal validators, and checks the number, the name in the logs, and that no token
/// went anywhere.
pub fn check(refusals: &[Refusal]) {
    for refusal in refusals {
        let mut world = World::with_stakes(&[1_000; 3]);
        let result = (refusal.attempt)(&mut world);
        let name = refusal.name;
        let failed = result.as_ref().expect_err(name);
        let wanted = match refusal.expected {
            Expected::Chain(error) => error.number(),
            Expected::Number(number) => number,
        };
        let logs = &failed.meta.logs;
        assert_eq!(number(&result), Some(wanted), "{name}: {:?} {logs:#?}", failed.err);
        if let Expected::Chain(error) = refusal.expected {
            // the two enums agree in name and text, too
            let line = format!("Error Code: {}. Error Number: {wanted}. Error Message: {error}.", error.name());
            assert!(logs.iter().any(|log| log.contains(&line)), "{name}: no {line:?} in {logs:#?}");
        }
        world.assert_conserved();
    }
}
