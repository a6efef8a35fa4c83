//! A small fleet, so that the bench cannot rot: what comes out is asserted, how long it takes is not.

use fleet::measure::{Options, run};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_boards_come_online_and_come_back_after_the_brokers_restart_and_every_grant_gets_its_verdict() {
    let measured = run(Options {
        program: env!("CARGO_BIN_EXE_campari-fleet").into(),
        boards: 50,
        steady: Duration::from_secs(3),
        down: Duration::from_secs(1),
        grants_a_second: 10,
        // No measure: a busy machine may take long.
        patience: Duration::from_secs(120),
    })
    .await
    .expect("the fleet comes online");
    assert_eq!((measured.boards, measured.sites, measured.back), (50, 1, 50));
    assert!(measured.all_back_s.is_some(), "{measured:?}");
    for phase in [&measured.steady, &measured.storm] {
        assert!(phase.granted > 0, "{phase:?}");
        assert!(phase.refused.is_empty() && phase.missing.is_empty(), "{phase:?}");
    }
    assert!(measured.boards_mb > 1.0 && measured.broker_mb > 1.0, "{measured:?}");
}

#[tokio::test]
async fn a_fleet_of_no_boards_is_refused() {
    let options = Options {
        program: env!("CARGO_BIN_EXE_campari-fleet").into(),
        boards: 0,
        steady: Duration::ZERO,
        down: Duration::ZERO,
        grants_a_second: 1,
        patience: Duration::from_secs(1),
    };
    assert!(run(options).await.unwrap_err().to_string().contains("at least one board"));
}
