//! The short version of `ogong-mesh bench soundness`: real processes, honest traffic by thresholds alone and two liars.

use ogong_mesh::bench::soundness::{Args, count};

#[tokio::test]
async fn honest_replies_are_paid_and_liars_are_not() -> anyhow::Result<()> {
    let only = ["requantised_q5_0", "forged_digest"].map(str::to_owned).to_vec();
    // Exact mode would find any other arithmetic; here the thresholds are to tell the honest from the rest.
    let args = Args { honest: 12, each: 2, only, seed: Some(12), exact: "never".to_owned(), ..Args::default() };
    let counts = count(&args).await?;
    eprintln!("{}", counts.table());
    assert_eq!((counts.honest.asked, counts.liars.len()), (12, 2));
    counts.sound()
}
