#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

use super::*;

fn permits(permits: u32, destination_permits: u32) -> Permits {
    Permits::new(&DispatchConfig {
        permits,
        tenant_permits: permits,
        mail_permits: permits,
        webhook_permits: permits,
        destination_permits,
        retry_percent: 25,
        ..DispatchConfig::default()
    })
}

fn tenant(name: &str) -> TenantId {
    TenantId::try_new(name).unwrap()
}

fn to(name: &str) -> DestinationKey {
    DestinationKey::try_new(name).unwrap()
}

fn webhook(permits: &Permits, share: Share, destination: &str) -> Option<Permit> {
    permits.try_permit(share, &tenant("acme"), ChannelKind::Webhook, &to(destination))
}

#[test]
fn a_destination_gets_no_more_than_its_limit() {
    let permits = permits(16, 4);
    let held: Vec<_> = (0..3).map(|_| webhook(&permits, Share::First, "sick").unwrap()).collect();
    assert!(webhook(&permits, Share::First, "sick").is_none());
    assert!(webhook(&permits, Share::First, "well").is_some());
    drop(held);
    assert!(webhook(&permits, Share::First, "sick").is_some());
}

#[test]
fn first_tries_cannot_take_the_retries_share_nor_the_other_way_round() {
    let permits = permits(16, 16);
    let first: Vec<_> = (0..20).filter_map(|_| webhook(&permits, Share::First, "a")).collect();
    let retries: Vec<_> = (0..20).filter_map(|_| webhook(&permits, Share::Retry, "a")).collect();
    assert_eq!((first.len(), retries.len()), (12, 4));
}

#[test]
fn an_answer_frees_the_destination_and_the_record_frees_the_rest() {
    let permits = permits(4, 4);
    let mut held: Vec<_> = (0..3).map(|_| webhook(&permits, Share::First, "a").unwrap()).collect();
    assert_eq!(permits.in_use(ChannelKind::Webhook), 3);
    held.iter_mut().for_each(Permit::answered);
    assert_eq!(permits.in_use(ChannelKind::Webhook), 0);
    assert!(webhook(&permits, Share::First, "a").is_none());
    drop(held);
    assert!(webhook(&permits, Share::First, "a").is_some());
}

#[test]
fn a_claim_leaves_out_what_is_used_up() {
    let permits = permits(64, 16);
    let held: Vec<_> = (0..12).map(|_| webhook(&permits, Share::First, "sick").unwrap()).collect();
    let free = permits.free(Share::First, ChannelKind::Webhook, 200);
    let expected = Free { permits: 24, without_destinations: vec![to("sick")], ..Free::default() };
    assert_eq!(free, expected);
    drop(held);
    let free = permits.free(Share::First, ChannelKind::Webhook, 200);
    assert_eq!(free, Free { permits: 24, ..Free::default() });
}

#[test]
fn closed_permits_are_given_out_no_more() {
    let permits = permits(16, 16);
    permits.close();
    assert!(webhook(&permits, Share::First, "a").is_none());
    assert_eq!(permits.free(Share::First, ChannelKind::Mail, 10), Free::default());
}

#[test]
fn a_channel_is_claimed_again_when_half_of_it_has_come_back() {
    let config = DispatchConfig {
        permits: 64,
        tenant_permits: 64,
        mail_permits: 16,
        webhook_permits: 64,
        destination_permits: 64,
        ..DispatchConfig::default()
    };
    let permits = Permits::new(&config);
    let mail = || permits.try_permit(Share::First, &tenant("acme"), ChannelKind::Mail, &to("mx"));
    let mut held: Vec<_> = std::iter::from_fn(mail).collect();
    assert_eq!(held.len(), 12);
    let free = |channel| permits.free(Share::First, channel, 200).permits;
    assert_eq!((free(ChannelKind::Mail), free(ChannelKind::Webhook)), (0, 24));
    held.truncate(7);
    assert_eq!(free(ChannelKind::Mail), 0);
    held.truncate(6);
    assert_eq!(free(ChannelKind::Mail), 6);
}

#[test]
fn there_is_room_while_a_quarter_of_the_tightest_limit_is_free() {
    let permits = permits(64, 16);
    let has_room =
        |to: &DestinationKey| permits.has_room(&tenant("acme"), ChannelKind::Webhook, to);
    // Of twelve for one destination.
    let mut held: Vec<_> = (0..10).map(|_| webhook(&permits, Share::First, "a").unwrap()).collect();
    assert_eq!((has_room(&to("a")), has_room(&to("b"))), (false, true));
    held.truncate(9);
    assert!(has_room(&to("a")));
    assert_eq!(permits.answered_count(ChannelKind::Webhook), 1);
}
