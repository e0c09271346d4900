use std::sync::Arc;
use std::time::Duration;

use schema::SendStage;
use tokio::time::Instant;

use super::super::connect::Connector;
use super::super::pool::Pool;
use super::{EmailChannel, EmailConfig, Relay, Script, channel, config, parcel, relay};
use crate::Channel;

#[tokio::test]
async fn one_connection_carries_many_mails() {
    let relay = relay(Script::default()).await;
    let channel = channel(&relay);
    for _ in 0..10 {
        channel.send(&parcel()).await.unwrap();
    }
    assert_eq!((relay.connections(), relay.taken().len()), (1, 10));
    channel.close().await;
    assert_eq!(relay.commands().last().map(String::as_str), Some("QUIT"));
}

#[tokio::test]
async fn no_more_connections_than_the_pool_has() {
    let relay = relay(Script::default()).await;
    let channel = Arc::new(channel(&relay));
    let sends = (0..40).map(|_| {
        let channel = Arc::clone(&channel);
        tokio::spawn(async move { channel.send(&parcel()).await.unwrap() })
    });
    futures::future::join_all(sends.collect::<Vec<_>>()).await;
    assert_eq!((relay.connections(), relay.taken().len()), (2, 40));
}

#[tokio::test]
async fn a_busy_pool_sends_nothing_when_time_is_up() {
    let relay = relay(Script::default()).await;
    let config = EmailConfig { pool_size: 1, ..config(&relay) };
    let connector = Connector::try_new(&config, "acme.example".to_owned()).unwrap();
    let pool = Pool::new(&config, connector);
    let soon = || Instant::now() + Duration::from_millis(30);
    let held = pool.permit(soon()).await.unwrap();
    let error = pool.permit(soon()).await.map(|_| ()).unwrap_err();
    assert_eq!((error.code.as_str(), error.stage), ("smtp.pool_busy", SendStage::NotSent));
    drop(held);
    pool.permit(soon()).await.map(|_| ()).unwrap();
}

#[tokio::test]
async fn a_stale_connection_is_replaced_once_before_anything_is_sent() {
    let stale = Script { hang_up_after: Some("DOT"), ..Script::default() };
    let relay = Relay::start(vec![stale.clone(), stale, Script::default()]).await;
    let channel = channel(&relay);
    for sent in 1..=3 {
        channel.send(&parcel()).await.unwrap();
        assert_eq!((relay.connections(), relay.taken().len()), (sent, sent));
    }
}

#[tokio::test]
async fn a_pooled_connection_that_the_relay_closes_with_421_is_replaced() {
    let closing = Script { say: vec![("RSET", "421 4.4.2 timeout")], ..Script::default() };
    let relay = Relay::start(vec![closing, Script::default()]).await;
    let config = EmailConfig { check_idle_after_ms: 0, ..config(&relay) };
    let channel = EmailChannel::try_new(&config).unwrap();
    channel.send(&parcel()).await.unwrap();
    channel.send(&parcel()).await.unwrap();
    assert_eq!((relay.connections(), relay.taken().len()), (2, 2));
}

#[tokio::test]
async fn nothing_is_tried_twice_once_the_content_has_begun() {
    let lossy = Script { hang_up_at: Some("DOT"), ..Script::default() };
    let relay = Relay::start(vec![lossy, Script::default()]).await;
    let channel = channel(&relay);
    assert_eq!(channel.send(&parcel()).await.unwrap_err().code, "smtp.data_unanswered");
    assert_eq!((relay.connections(), relay.taken().len()), (1, 0));
}

#[tokio::test]
async fn a_fresh_connection_that_fails_is_not_tried_again() {
    let relay = relay(Script { hang_up_at: Some("MAIL"), ..Script::default() }).await;
    channel(&relay).send(&parcel()).await.unwrap_err();
    assert_eq!(relay.connections(), 1);
}

#[tokio::test]
async fn a_connection_that_refused_a_recipient_is_reset_and_used_again() {
    let choosy = Script { say: vec![("RCPT", "550 5.1.1 no")], ..Script::default() };
    let relay = relay(choosy).await;
    let channel = channel(&relay);
    for _ in 0..3 {
        assert_eq!(channel.send(&parcel()).await.unwrap_err().code, "smtp.5.1.1");
    }
    assert_eq!(relay.connections(), 1);
    assert_eq!(relay.commands().iter().filter(|command| *command == "RSET").count(), 2);
}

#[tokio::test]
async fn a_connection_is_given_up_after_its_share_of_mails_and_after_too_long_a_rest() {
    let relay = relay(Script::default()).await;
    let config = EmailConfig { mails_per_connection: 2, ..config(&relay) };
    let channel = EmailChannel::try_new(&config).unwrap();
    for _ in 0..4 {
        channel.send(&parcel()).await.unwrap();
    }
    assert_eq!(relay.connections(), 2);

    let config = EmailConfig { idle_limit_ms: 0, ..config };
    let channel = EmailChannel::try_new(&config).unwrap();
    channel.send(&parcel()).await.unwrap();
    channel.send(&parcel()).await.unwrap();
    assert_eq!(relay.connections(), 4);
}
