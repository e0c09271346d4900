//! `NOW` is a Monday, midnight in London; the version's deadline is an hour later.

use schema::events::{NotPlannedReason, RecipientProfile, TenantEvent};
use schema::{Calendar, Planned, Timing, TimingRule};

use super::*;

fn timed(at: &str, calendar: Option<&str>, quiet: Option<&str>) -> Timing {
    Timing {
        at: (!at.is_empty()).then(|| name(at)),
        calendar: calendar.map(name),
        quiet_hours: quiet.map(name),
    }
}

fn wish(timing: Timing) -> SubscriptionBody {
    let mut wish = body("ada", "risk");
    wish.preferences.timing = timing;
    wish
}

fn world(timing: Timing) -> World {
    let mut world = ada();
    world.subscribe("s1", wish(timing));
    world
}

fn change(world: &mut World, version: u32, timing: Timing) {
    let body = wish(timing);
    world.subscription("s1", SubscriptionEvent::SubscriptionChanged { version, body });
}

fn planned(ms: u64, rules: &[TimingRule]) -> Planned {
    Planned { due: NOW.plus_ms(ms), zone: name("Europe/London"), rules: rules.to_vec() }
}

fn only(world: &World) -> DeliveryPlan {
    world.plan(&risk(), 0, None).deliveries.remove(0).1
}

const HALF_HOUR: u64 = 1_800_000;

#[test]
fn a_delivery_says_when_it_is_planned_for_and_by_which_rule() {
    assert_eq!(only(&world(Timing::default())).planned, None);
    let at = only(&world(timed("00:30", None, None))).planned;
    assert_eq!(at, Some(planned(HALF_HOUR, &[TimingRule::LocalTime])));
    let quiet = only(&world(timed("", None, Some("22:00-00:30")))).planned;
    assert_eq!(quiet, Some(planned(HALF_HOUR, &[TimingRule::QuietHours])));
    assert_eq!(only(&world(timed("", Some("weekdays"), None))).planned, None);
}

#[test]
fn what_is_wanted_behind_its_deadline_only_is_not_planned() {
    let at = |timing| reason(&world(timing));
    assert_eq!(at(timed("08:00", None, None)), Some(NotPlannedReason::AfterDeadline));
    assert_eq!(at(timed("01:00", None, None)), Some(NotPlannedReason::AfterDeadline));
    assert_eq!(at(timed("00:59", None, None)), None);
}

#[test]
fn a_calendar_that_is_not_there_plans_nothing() {
    let mut world = world(timed("", Some("desk"), None));
    assert_eq!(reason(&world), Some(NotPlannedReason::UnknownCalendar));
    let stream = StreamId::tenant(&acme());
    world.tell(&stream, TenantEvent::TenantCreated { title: "Acme".to_owned() });
    let days = Calendar::weekdays();
    world.tell(&stream, TenantEvent::CalendarDefined { calendar: name("desk"), days });
    assert_eq!(reason(&world), None);
    assert_eq!(world.index.goes_by(&acme(), &name("desk")), Some(&name("s1")));
    assert_eq!(world.index.goes_by(&acme(), &name("other")), None);
}

#[test]
fn a_changed_preference_moves_what_has_not_begun() {
    let mut world = world(timed("00:30", None, None));
    let plan = only(&world);
    let retimed = |world: &World, ms| world.index.retimed(&acme(), &plan, NOW.plus_ms(ms));
    assert_eq!(retimed(&world, 1), None);
    assert_eq!(retimed(&world, HALF_HOUR), None, "its time has come");
    let before = world.index.timing_changes();
    change(&mut world, 2, timed("00:45", None, None));
    assert!(world.index.timing_changes() > before);
    let later = planned(HALF_HOUR + 900_000, &[TimingRule::LocalTime]);
    assert_eq!(retimed(&world, 1), Some(Some(later.clone())));
    assert_eq!(retimed(&world, HALF_HOUR + 5), Some(Some(later)), "found when it is claimed");
    change(&mut world, 3, Timing::default());
    assert_eq!(retimed(&world, 1), Some(None), "at once");
}

#[test]
fn a_changed_zone_or_calendar_moves_it_too() {
    let mut world = world(timed("00:30", Some("weekdays"), None));
    let plan = only(&world);
    let zone = name("Europe/Lisbon");
    let moved = RecipientEvent::RecipientChanged(RecipientProfile { zone, ..profile() });
    world.recipient("ada", vec![moved]);
    assert_eq!(world.index.retimed(&acme(), &plan, NOW), None, "the same instant");
    let zone = name("Europe/Athens");
    let moved = RecipientEvent::RecipientChanged(RecipientProfile { zone, ..profile() });
    world.recipient("ada", vec![moved]);
    let again = world.index.retimed(&acme(), &plan, NOW).unwrap().unwrap();
    assert_eq!((again.due, again.zone), (NOW.plus_ms(22 * 3_600_000 + HALF_HOUR), zone));
}

#[test]
fn what_is_late_is_held_back_by_quiet_hours_but_not_until_the_next_day() {
    let world = world(timed("00:30", None, Some("01:00-07:00")));
    let plan = only(&world);
    let retimed = |ms| world.index.retimed(&acme(), &plan, NOW.plus_ms(ms));
    assert_eq!(retimed(HALF_HOUR + 60_000), None);
    let seven = planned(7 * 3_600_000, &[TimingRule::QuietHours]);
    assert_eq!(retimed(2 * 3_600_000), Some(Some(seven)));
}

#[test]
fn a_repetition_is_sent_at_once_and_an_older_state_moves_nothing() {
    let mut world = world(timed("00:30", None, None));
    let plan = only(&world);
    let id = DeliveryId::of(plan.distribution, NOW, &plan.recipient, plan.channel, 0);
    let (_, again) = resend_plan(id, &plan, 1, NOW);
    assert_eq!(again.planned, None);
    assert_eq!(world.index.retimed(&acme(), &again, NOW), None);
    change(&mut world, 2, Timing::default());
    let ahead = DeliveryPlan { subscription_version: 3, ..plan };
    assert_eq!(world.index.retimed(&acme(), &ahead, NOW), None);
}

#[test]
fn a_preview_tells_when_as_if_the_version_came_in_now() {
    use super::super::{PreviewRequest, preview};
    let world = world(timed("00:30", None, None));
    let (tenant, id, version) = (acme(), name("s1"), risk());
    let subscription = world.index.subscription(&tenant, &id).unwrap();
    let days = 5 * 86_400_000;
    let request = PreviewRequest {
        tenant: &tenant,
        subscription,
        id: Some(&id),
        version: &version,
        after: None,
        limit: 10,
        now: NOW.plus_ms(days),
    };
    let told = preview(&world.index, request);
    let would = told.decisions.into_iter().next().unwrap().decision.unwrap();
    assert_eq!(would.planned, Some(planned(days + HALF_HOUR, &[TimingRule::LocalTime])));
}
