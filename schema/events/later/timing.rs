use super::super::samples::plans;
use super::super::{
    DeliveryEvent, DeliveryPlan, LedgerEvent, NotPlannedReason, SubscriptionBody,
    SubscriptionEvent, TenantEvent,
};
use super::{LATER, name, not_planned};
use crate::{
    Calendar, ChannelKind, Planned, Preferences, ReportSelector, Selector, Timing, TimingRule,
    Weekday,
};

pub(super) fn samples() -> Vec<(&'static str, LedgerEvent)> {
    let mut samples: Vec<_> = calendars().into_iter().map(|event| ("", event.into())).collect();
    samples.extend(moved().map(|event| ("", event.into())));
    let plan = DeliveryPlan { planned: Some(planned()), ..plans()[0].clone() };
    samples.push(("timing", DeliveryEvent::DeliveryScheduled(plan).into()));
    samples.push(("timing", subscribed().into()));
    for reason in [NotPlannedReason::AfterDeadline, NotPlannedReason::UnknownCalendar] {
        samples.push(("timing", not_planned(reason).into()));
    }
    samples
}

fn calendars() -> [TenantEvent; 3] {
    let defined = |days| TenantEvent::CalendarDefined { calendar: name("desk"), days };
    let dates_off = ["2026-12-25", "2027-01-01"].map(name).into();
    [
        defined(Calendar::default()),
        defined(Calendar { days_off: Weekday::ALL[5..].iter().copied().collect(), dates_off }),
        TenantEvent::CalendarRemoved { calendar: name("desk") },
    ]
}

fn planned() -> Planned {
    let rules = vec![
        TimingRule::LocalTime,
        TimingRule::BusinessDay,
        TimingRule::QuietHours,
        TimingRule::ClockForward,
        TimingRule::ClockBack,
    ];
    Planned { due: LATER, zone: name("Europe/Berlin"), rules }
}

fn moved() -> [DeliveryEvent; 2] {
    [Some(planned()), None].map(|planned| DeliveryEvent::DeliveryRescheduled { planned })
}

fn subscribed() -> SubscriptionEvent {
    let timing = Timing {
        at: Some(name("08:00")),
        calendar: Some(name("desk")),
        quiet_hours: Some(name("22:00-07:00")),
    };
    let channels = vec![ChannelKind::Mail];
    let body = SubscriptionBody {
        recipient: name("ada"),
        selector: Selector { report: ReportSelector::Every, attributes: [].into() },
        preferences: Preferences { channels, formats: vec![], deadline_s: None, timing },
    };
    SubscriptionEvent::Subscribed { version: 1, body }
}
