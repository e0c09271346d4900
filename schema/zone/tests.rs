#![expect(clippy::unwrap_used, reason = "a test says what it expected")]

use super::*;

fn shown(zone: Zone, at_s: i64) -> String {
    let at = chrono::DateTime::from_timestamp(at_s, 0).unwrap();
    at.with_timezone(&zone.to_chrono()).naive_local().to_string()
}

#[test]
fn a_name_from_before_is_read_as_todays() {
    let read = |text: &str| text.parse::<Zone>().unwrap().to_string();
    assert_eq!(read("Asia/Calcutta"), "Asia/Kolkata");
    assert_eq!(read("Europe/Kiev"), "Europe/Kyiv");
    assert_eq!(read("US/Eastern"), "America/New_York");
    assert_eq!(read("Europe/Berlin"), "Europe/Berlin");
    assert_eq!(read("UTC"), "UTC");
}

#[test]
fn what_was_stored_under_a_name_from_before_keeps_it() {
    let stored: Zone = serde_json::from_str("\"Asia/Calcutta\"").unwrap();
    assert_eq!(serde_json::to_string(&stored).unwrap(), "\"Asia/Calcutta\"");
}

#[test]
fn every_name_from_before_is_in_order_and_has_the_clocks_of_todays() {
    assert!(RENAMED.is_sorted());
    for (before, today) in RENAMED {
        let stored: Zone = before.to_string().try_into().unwrap();
        let zone: Zone = before.parse().unwrap();
        assert_eq!(zone.to_string(), *today);
        // Every month from 2000 to 2030.
        for at in (946_684_800..1_900_000_000).step_by(2_600_000) {
            assert_eq!(shown(stored, at), shown(zone, at), "{before} is not {today} at {at}");
        }
    }
}

#[test]
fn a_zone_that_never_was_is_refused_with_one_that_is() {
    let refused = |text: &str| text.parse::<Zone>().unwrap_err();
    let rule = |zone| format!("must be a time zone of the IANA database, such as {zone}");
    assert_eq!(refused("Mars/Base"), Invalid::new("zone", "Mars/Base", rule("Europe/Berlin")));
    let vienna = Invalid::new("zone", "europe/vienna", rule("Europe/Vienna"));
    assert_eq!(refused("europe/vienna"), vienna);
}
