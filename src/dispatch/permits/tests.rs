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
    let free = permits.free(Share::First, 200);
    let expected = Free { permits: 24, without_destinations: vec![to("sick")], ..Free::default() };
    assert_eq!(free, expected);
    drop(held);
    assert_eq!(permits.free(Share::First, 200), Free { permits: 24, ..Free::default() });
}

#[test]
fn closed_permits_are_given_out_no_more() {
    let permits = permits(16, 16);
    permits.close();
    assert!(webhook(&permits, Share::First, "a").is_none());
    assert_eq!(permits.free(Share::First, 10), Free::default());
}
