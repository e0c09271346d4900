#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use schema::{AttributeValue, ChannelKind, Parcel, Proof, Sha256};

use super::InboxChannel;
use super::entry::canonical;
use crate::{Channel, testing};

fn parcel() -> Parcel {
    let mut parcel = testing::parcel(ChannelKind::Inbox, "");
    let severity = AttributeValue::Text("critical".to_owned());
    parcel.attributes.insert("severity".to_owned(), severity);
    parcel
}

#[test]
fn an_entry_says_what_the_recipient_is_shown() {
    let sha256 = Sha256::of(b"desk,var\nrates,12\n");
    let expected = format!(
        "{{\"attachments\":[{{\"format\":\"csv\",\"name\":\"risk.csv\",\"sha256\":\"{sha256}\"}}],\
         \"report\":\"market-risk-daily\",\"severity\":\"critical\",\"title\":\"Market risk, daily\",\
         \"version\":\"2026-11-23\"}}"
    );
    assert_eq!(String::from_utf8(canonical(&parcel()).unwrap()).unwrap(), expected);
}

#[tokio::test]
async fn an_entry_is_delivered_with_the_digest_of_its_bytes() {
    let receipt = InboxChannel.send(&parcel()).await.unwrap();
    let bytes = canonical(&parcel()).unwrap();
    assert_eq!((receipt.proof, receipt.status, receipt.reply), (Proof::Delivered, 0, None));
    assert_eq!(receipt.content_sha256, Sha256::of(&bytes));
    assert_eq!(receipt.content_bytes, bytes.len() as u64);
}

#[tokio::test]
async fn every_attempt_makes_the_same_entry() {
    let first = InboxChannel.send(&parcel()).await.unwrap();
    let mut again = Parcel { attempt: 7, traceparent: None, ..parcel() };
    for file in &mut again.attachments {
        file.content = bytes::Bytes::new();
    }
    assert_eq!(InboxChannel.send(&again).await.unwrap(), first, "files count by name and digest");
    let other = Parcel { title: "Another".to_owned(), ..parcel() };
    let other = InboxChannel.send(&other).await.unwrap();
    assert_ne!(other.content_sha256, first.content_sha256);
}
