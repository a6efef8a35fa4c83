//! Subscribers fetch by RTSP: the credential opens the slate, the share the picture, its end the slate again, all in one session.

#[path = "support/rtsp.rs"]
mod rtsp;
mod support;

use contract::EndReason;
use link::ToEye;
use rtsp::*;
use support::*;

#[tokio::test]
async fn p1_a_credential_opens_the_slate_and_nothing_else() {
    let mut stage = Stage::new().await;
    let mut client = stage.client().await.knows_password();
    client.play().await;
    assert_eq!(client.picture().await.expect("a slate"), SLATE);
    // The eye has started no share: whatever it hands out is not for this one.
    stage.eye.picture(0, 1, &KEY).await;
    for _ in 0..2 {
        assert_eq!(client.picture().await.expect("the slate again"), SLATE);
    }
}

#[tokio::test]
async fn p4_a_share_puts_the_picture_in_the_slates_place_and_its_end_takes_it_away_in_the_same_session() {
    let mut stage = Stage::new().await;
    let mut client = stage.client().await.knows_password();
    client.play().await;
    assert_eq!(client.picture().await.expect("a slate"), SLATE);
    stage.eye.grant_pull("s1").await;
    stage.eye.hears_joined("s1").await;
    stage.eye.start_pull("s1").await;
    stage.eye.hear_until(|said, _| matches!(said, ToEye::KeyPicture { .. }).then_some(())).await;
    stage.eye.picture(0, 1, &KEY).await;
    while client.picture().await.expect("the picture") != KEY {}
    stage.eye.picture(0, 2, &delta(1)).await;
    assert_eq!(client.picture().await.expect("the next"), delta(1));
    stage.eye.end("s1", EndReason::Revoked).await;
    stage.eye.picture(0, 3, &delta(2)).await;
    assert_eq!(client.picture().await.expect("a slate"), SLATE, "at once, without a reconnect");
    assert_eq!(client.picture().await.expect("a slate"), SLATE);
    // One source, in order, whose clock never runs back.
    let ordered = client.packets.windows(2).all(|two| {
        let ((ssrc, sequence, at), (next_ssrc, next, then)) = (two[0], two[1]);
        ssrc == next_ssrc && next == sequence.wrapping_add(1) && then.wrapping_sub(at) < 1 << 31
    });
    assert!(ordered, "{:?}", client.packets);
}

#[tokio::test]
async fn a_viewer_that_comes_after_the_grant_is_told_to_the_eye_at_once() {
    let mut stage = Stage::new().await;
    stage.eye.grant_pull("s1").await;
    let mut client = stage.client().await.knows_password();
    client.play().await;
    stage.eye.hears_joined("s1").await;
    stage.eye.start_pull("s1").await;
    stage.eye.picture(0, 1, &KEY).await;
    while client.picture().await.expect("the picture") != KEY {}
}

#[tokio::test]
async fn p9_teardown_is_a_goodbye_and_a_broken_connection_a_loss() {
    let mut stage = Stage::new().await;
    stage.eye.grant_pull("s1").await;
    let mut client = stage.client().await.knows_password();
    client.play().await;
    stage.eye.hears_joined("s1").await;
    assert!(client.picture().await.is_some());
    drop(client);
    stage.eye.hear_until(|said, _| (*said == ToEye::ViewerLost { jti: jti("s1") }).then_some(())).await;
    stage.eye.wait_for_viewer("s1").await;
    let mut client = stage.client().await.knows_password();
    client.play().await;
    stage.eye.hears_joined("s1").await;
    assert!(client.picture().await.is_some());
    assert_eq!(client.ask("TEARDOWN", "/613/", &[]).await.status, 200);
    stage.eye.hear_until(|said, _| (*said == ToEye::ViewerLeft { jti: jti("s1") }).then_some(())).await;
}

#[tokio::test]
async fn p12_a_lost_eye_leaves_the_slate_and_the_session() {
    let mut stage = Stage::new().await;
    stage.eye.grant_pull("s1").await;
    let mut client = stage.client().await.knows_password();
    client.play().await;
    stage.eye.hears_joined("s1").await;
    stage.eye.start_pull("s1").await;
    stage.eye.picture(0, 1, &KEY).await;
    while client.picture().await.expect("the picture") != KEY {}
    drop(stage.eye);
    assert_eq!(client.picture().await.expect("a slate"), SLATE);
    let mut eye = stage.fake.greet().await;
    eye.admit(&pullers()).await;
    assert_eq!(client.picture().await.expect("a slate"), SLATE, "the same session");
}

#[tokio::test]
async fn p5_another_subscribers_share_is_not_shown() {
    let mut both = pullers();
    let other = link::Puller { sub: "other".parse().expect("an id"), password: "x".repeat(43), ..puller(1) };
    both.who.push(other);
    let mut stage = Stage::with(&both, |_| ()).await;
    let mut client = stage.client().await;
    client.authorization = Some(basic("other", &"x".repeat(43)));
    client.play().await;
    stage.eye.grant_pull("s1").await;
    stage.eye.start_pull("s1").await;
    let mut right = stage.client().await.knows_password();
    right.play().await;
    stage.eye.hears_joined("s1").await;
    stage.eye.picture(0, 1, &KEY).await;
    while right.picture().await.expect("the picture") != KEY {}
    for _ in 0..3 {
        assert_eq!(client.picture().await.expect("a slate"), SLATE);
    }
}

#[tokio::test]
async fn p10_the_url_is_told_with_the_grant_and_who_is_not_known_gets_401_and_nothing_else() {
    let stage = Stage::new().await;
    let mut answers = Vec::new();
    for (user, password, path) in [
        (USER, "wrong", "/613"),
        ("nobody", PASSWORD, "/613"),
        ("nobody", PASSWORD, "/614"),
        (USER, "wrong", "/614"),
        (USER, "", "/"),
    ] {
        let mut client = stage.client().await;
        client.authorization = Some(basic(user, password));
        let answer = client.ask("DESCRIBE", path, &[]).await;
        assert_eq!((answer.status, answer.body.as_str()), (401, ""));
        // The nonce alone differs.
        let same = |line: &str| line.split("nonce=\"").next().map(str::to_owned);
        answers.push(answer.head.lines().filter_map(same).collect::<Vec<_>>());
    }
    assert!(answers.windows(2).all(|two| two[0] == two[1]), "{answers:#?}");
    let mut client = stage.client().await.knows_password();
    assert_eq!(client.ask("DESCRIBE", "/614", &[]).await.status, 404);
}
