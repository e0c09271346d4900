use schema::FailureClass::{
    Auth, Config, Content, InDoubt, RecipientPermanent, Throttled, Transient,
};
use schema::{ChannelError, FailureClass, Format, Proof, SendStage};

use super::{EmailChannel, EmailConfig, Script, channel, config, parcel, relay};
use crate::Channel;
use crate::testing::{attachment, noise};

/// What becomes of a mail, one command at a time and with all of them in one write: the same.
async fn failure(script: Script) -> ChannelError {
    let pipelining = Script { offers: vec!["8BITMIME", "PIPELINING"], ..script.clone() };
    let relays = [relay(script).await, relay(pipelining).await];
    let error = channel(&relays[0]).send(&parcel()).await.unwrap_err();
    assert_eq!(channel(&relays[1]).send(&parcel()).await.unwrap_err(), error, "when pipelined");
    error
}

fn lost(error: &ChannelError) -> (FailureClass, &str, SendStage) {
    (error.class, &error.code, error.stage)
}

#[tokio::test]
async fn a_mail_that_is_taken_is_accepted_with_the_relays_words() {
    let relay = relay(Script::default()).await;
    let receipt = channel(&relay).send(&parcel()).await.unwrap();
    let taken = relay.taken();
    assert_eq!((receipt.proof, receipt.status), (Proof::Accepted, 250));
    assert_eq!(receipt.reply.as_deref(), Some("2.0.0 queued as 4711"));
    assert_eq!(
        (taken[0].from.as_str(), taken[0].to.as_str()),
        ("reports@acme.example", "ada@customer.example")
    );
    assert_eq!(receipt.content_sha256, schema::Sha256::of(&taken[0].content));
    assert_eq!(receipt.content_bytes, taken[0].content.len() as u64);
}

#[tokio::test]
async fn a_connection_lost_before_the_content_has_sent_nothing() {
    for verb in ["GREETING", "EHLO", "MAIL", "RCPT", "DATA"] {
        let error = failure(Script { hang_up_at: Some(verb), ..Script::default() }).await;
        let wanted = (Transient, "smtp.connection_lost", SendStage::NotSent);
        assert_eq!(lost(&error), wanted, "{verb}");
    }
}

#[tokio::test]
async fn a_connection_lost_within_the_content_has_sent_nothing() {
    let relay = relay(Script { hang_up_after: Some("DATA"), ..Script::default() }).await;
    let mut parcel = parcel();
    // More than any socket buffer holds, so that the loss is met before the dot.
    parcel.attachments = vec![attachment("big.bin", Format::Binary, noise(8 << 20))];
    let error = channel(&relay).send(&parcel).await.unwrap_err();
    assert_eq!(lost(&error), (Transient, "smtp.connection_lost", SendStage::NotSent));
}

#[tokio::test]
async fn a_connection_lost_after_the_final_dot_is_in_doubt() {
    let error = failure(Script { hang_up_at: Some("DOT"), ..Script::default() }).await;
    assert_eq!(lost(&error), (InDoubt, "smtp.data_unanswered", SendStage::MayHaveArrived));
}

#[tokio::test]
async fn silence_after_the_final_dot_is_in_doubt_when_time_is_up() {
    let relay = relay(Script { silent_at: Some("DOT"), ..Script::default() }).await;
    let config = EmailConfig { send_timeout_ms: 300, ..config(&relay) };
    let error = EmailChannel::try_new(&config).unwrap().send(&parcel()).await.unwrap_err();
    assert_eq!(lost(&error), (InDoubt, "smtp.data_unanswered", SendStage::MayHaveArrived));
}

#[tokio::test]
async fn an_answer_that_nobody_can_read_after_the_final_dot_is_in_doubt() {
    for reply in ["garbage", "354 go on and on", "9xx"] {
        let error = failure(Script { say: vec![("DOT", reply)], ..Script::default() }).await;
        assert_eq!(
            lost(&error),
            (InDoubt, "smtp.data_unanswered", SendStage::MayHaveArrived),
            "{reply}"
        );
    }
}

#[tokio::test]
async fn silence_before_the_content_has_sent_nothing() {
    for verb in ["GREETING", "EHLO", "MAIL", "RCPT", "DATA"] {
        let relay = relay(Script { silent_at: Some(verb), ..Script::default() }).await;
        let config = EmailConfig { command_timeout_ms: 100, ..config(&relay) };
        let error = EmailChannel::try_new(&config).unwrap().send(&parcel()).await.unwrap_err();
        assert_eq!(lost(&error), (Transient, "smtp.timeout", SendStage::NotSent), "{verb}");
    }
}

#[tokio::test]
async fn a_refusal_is_read_by_its_step_and_code() {
    for (verb, reply, class, code) in [
        ("GREETING", "554 no service", Config, "smtp.554"),
        ("GREETING", "421 4.3.2 later", Transient, "smtp.4.3.2"),
        ("MAIL", "530 5.7.0 Authentication required", Auth, "smtp.5.7.0"),
        ("MAIL", "550 not you", Config, "smtp.550"),
        ("RCPT", "550 5.1.1 <ada@customer.example>: unknown", RecipientPermanent, "smtp.5.1.1"),
        ("RCPT", "450-4.2.0 grey\r\n450 4.2.0 listed", Transient, "smtp.4.2.0"),
        ("RCPT", "450 4.7.28 slow down", Throttled, "smtp.4.7.28"),
        ("DATA", "503 5.5.1 bad sequence", Config, "smtp.5.5.1"),
        ("DOT", "552 5.3.4 too big", Content, "smtp.5.3.4"),
        ("DOT", "451 try again", Transient, "smtp.451"),
    ] {
        let error = failure(Script { say: vec![(verb, reply)], ..Script::default() }).await;
        assert_eq!((error.class, error.code.as_str()), (class, code), "{verb} {reply}");
        assert_eq!(error.stage, SendStage::Refused, "{verb} {reply}");
        let said = error.reply.unwrap();
        assert!(said.starts_with(&reply[..3]) && said.len() <= 512, "{said}");
    }
}

#[tokio::test]
async fn a_mail_goes_out_in_one_write_where_the_relay_pipelines() {
    let relay = relay(Script { offers: vec!["PIPELINING"], ..Script::default() }).await;
    let channel = channel(&relay);
    for _ in 0..3 {
        channel.send(&parcel()).await.unwrap();
    }
    assert_eq!((relay.connections(), relay.taken().len()), (1, 3));
}

#[tokio::test]
async fn a_relay_that_pipelines_data_after_a_refused_recipient_gets_no_content() {
    // One relay refuses DATA too, and is used again; one waits for content, and is left.
    for (data, connections) in [(Some(("DATA", "554 5.5.1 no valid recipients")), 1), (None, 2)] {
        let mut say = vec![("RCPT", "550 5.1.1 no")];
        say.extend(data);
        let relay = relay(Script { offers: vec!["PIPELINING"], say, ..Script::default() }).await;
        // A RSET that the relay took for content would use up the second mail's time.
        let config =
            EmailConfig { send_timeout_ms: 1_000, command_timeout_ms: 1_000, ..config(&relay) };
        let channel = EmailChannel::try_new(&config).unwrap();
        for _ in 0..2 {
            assert_eq!(channel.send(&parcel()).await.unwrap_err().code, "smtp.5.1.1");
        }
        assert_eq!((relay.connections(), relay.taken().len()), (connections, 0));
    }
}

#[tokio::test]
async fn a_relay_that_refuses_a_second_greeting_still_gets_its_mail() {
    let relay = relay(Script { once: vec!["EHLO"], ..Script::default() }).await;
    channel(&relay).send(&parcel()).await.unwrap();
    assert_eq!(relay.taken().len(), 1);
}

#[tokio::test]
async fn a_relay_that_is_not_there_is_transient() {
    let gone = relay(Script::default()).await;
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = EmailConfig { port: free.local_addr().unwrap().port(), ..config(&gone) };
    drop(free);
    let error = EmailChannel::try_new(&config).unwrap().send(&parcel()).await.unwrap_err();
    assert_eq!(lost(&error), (Transient, "connect.refused", SendStage::NotSent));

    let config = EmailConfig { host: "relay.invalid".to_owned(), ..config };
    let error = EmailChannel::try_new(&config).unwrap().send(&parcel()).await.unwrap_err();
    assert_eq!(lost(&error), (Transient, "connect.dns", SendStage::NotSent));
}

#[tokio::test]
async fn test_sink_mode_cannot_leave_the_machine() {
    let relay = relay(Script::default()).await;
    for host in ["192.0.2.1", "::ffff:198.51.100.7", "10.0.0.1", "2001:db8::1", "0.0.0.0"] {
        let config = EmailConfig { host: host.to_owned(), ..config(&relay) };
        let error = EmailChannel::try_new(&config).unwrap().send(&parcel()).await.unwrap_err();
        assert_eq!(lost(&error), (Config, "mail.test_sink", SendStage::NotSent), "{host}");
    }
    let config = EmailConfig { host: "localhost".to_owned(), ..config(&relay) };
    EmailChannel::try_new(&config).unwrap().send(&parcel()).await.unwrap();
    assert_eq!(relay.connections(), 1);
}
