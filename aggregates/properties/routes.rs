use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::Index;
use schema::events::{PauseScope, ReportProfile, RetireReason};
use schema::{
    Actor, ChannelKind, LedgerEvent, Metadata, Position, RecordedEvent, ReportSelector, StreamId,
};

use crate::decider::{Decider, run};
use crate::planning::{MAX_RECIPIENTS, SliceRequest, plan_slice};
use crate::retry::Schedules;
use crate::routing::RoutingIndex;
use crate::samples::{NOW, acme, body, name, plan, profile, sealed, version};
use crate::{delivery, distribution, recipient, report, subscription, tenant};

/// A ledger in memory: what commands cause, in the order in which they are given.
#[derive(Default)]
struct Ledger {
    log: Vec<RecordedEvent>,
    tenant: tenant::Tenant,
    report: report::Report,
    recipients: BTreeMap<u8, recipient::Recipient>,
    subscriptions: BTreeMap<u8, subscription::Subscription>,
    run: distribution::Distribution,
}

impl Ledger {
    fn append<E: Into<LedgerEvent>>(&mut self, stream: &StreamId, events: Vec<E>) {
        for event in events {
            let known = self.log.iter().filter(|recorded| recorded.stream == *stream).count();
            self.log.push(RecordedEvent {
                position: Position(self.log.len() as i64 * 2 + 1),
                recorded_at: NOW,
                stream: stream.clone(),
                sequence: known as i64 + 1,
                event: event.into(),
                metadata: Arc::new(Metadata::new(acme(), Actor::new("node", "n1"))),
            });
        }
    }

    fn recipient(&mut self, n: u8, command: recipient::Command) {
        let state = self.recipients.entry(n).or_default();
        let events = obeyed::<recipient::Rules>(state, command);
        self.append(&StreamId::recipient(&acme(), &name(&format!("r{n}"))), events);
    }

    fn subscription(&mut self, n: u8, command: subscription::Command) {
        let state = self.subscriptions.entry(n).or_default();
        let events = obeyed::<subscription::Rules>(state, command);
        self.append(&StreamId::subscription(&acme(), &name(&format!("s{n}"))), events);
    }

    fn tenant(&mut self, command: tenant::Command) {
        let events = obeyed::<tenant::Rules>(&mut self.tenant, command);
        self.append(&StreamId::tenant(&acme()), events);
    }

    fn distribution(&mut self, command: distribution::Command) {
        let events = obeyed::<distribution::Rules>(&mut self.run, command);
        self.append(&StreamId::distribution(plan().distribution), events);
    }

    /// One of many things that may happen, chosen by `choice`, about the `n`-th of its kind.
    fn happen(&mut self, choice: u8, n: u8) {
        let why = || "why".to_owned();
        let report = if n.is_multiple_of(2) { "risk" } else { "*" };
        let wish = || body(&format!("r{}", n / 2), report);
        let scope = PauseScope::Channel { channel: ChannelKind::Mail };
        match choice {
            0 => self.recipient(n, recipient::Command::Register(profile())),
            1 => self.recipient(
                n,
                recipient::Command::AddAddress {
                    address: name("work"),
                    channel: ChannelKind::Mail,
                    value: sealed("a@x"),
                    destination: name("d1"),
                },
            ),
            2 => self.recipient(
                n,
                recipient::Command::RetireAddress {
                    address: name("work"),
                    reason: RetireReason::Gone,
                },
            ),
            3 => self.recipient(
                n,
                recipient::Command::Grant {
                    grant: name("desk"),
                    report: ReportSelector::Every,
                    until: None,
                },
            ),
            4 => {
                let grant = name("desk");
                self.recipient(n, recipient::Command::Revoke { grant, reason: why() });
            }
            5 | 6 => self.subscription(n, subscription::Command::Subscribe(wish())),
            7 => {
                let mut other = body(&format!("r{}", n / 2), "*");
                other.preferences.deadline_s = Some(u32::from(n) + 1);
                self.subscription(n, subscription::Command::Change(other));
            }
            8 => {
                let (until, reason) = (None, why());
                self.subscription(n, subscription::Command::Pause { until, reason, now: NOW });
            }
            9 => self.subscription(n, subscription::Command::Resume),
            10 => self.subscription(n, subscription::Command::Unsubscribe { reason: why() }),
            11 => self.tenant(tenant::Command::Create { title: why() }),
            12 => self.tenant(tenant::Command::PauseDispatch { scope, reason: why() }),
            13 => self.tenant(tenant::Command::ResumeDispatch { scope }),
            14 => {
                let profile =
                    ReportProfile { title: why(), owner: why(), deadline_s: 60, columns: vec![] };
                let command = report::Command::Register(profile);
                let events = obeyed::<report::Rules>(&mut self.report, command);
                self.append(&StreamId::report(&acme(), &name("risk")), events);
            }
            15 => self.distribution(distribution::Command::Receive(Box::new(version(
                BTreeMap::new(),
                vec![],
            )))),
            16 => self.distribution(distribution::Command::Withdraw { reason: why() }),
            _ => self.distribution(distribution::Command::MarkCorrected { by: name("v2") }),
        }
    }
}

fn obeyed<D: Decider>(state: &mut D::State, command: D::Command) -> Vec<D::Event> {
    run::<D>(state, command).unwrap_or_default()
}

fn ledger(happenings: Vec<(u8, u8)>) -> Ledger {
    let mut ledger = Ledger::default();
    for (choice, n) in happenings {
        ledger.happen(choice, n);
    }
    ledger
}

fn followed(log: &[RecordedEvent]) -> RoutingIndex {
    let mut index = RoutingIndex::new();
    log.iter().for_each(|recorded| index.follow(recorded));
    index
}

fn own(index: &mut RoutingIndex, recorded: &RecordedEvent) {
    index.apply(&acme(), &recorded.stream, recorded.sequence, &recorded.event);
}

fn happenings() -> impl Strategy<Value = Vec<(u8, u8)>> {
    prop::collection::vec((0..18_u8, 0..6_u8), 1..150)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Own appends come before the tail, after it, twice, or not at all, and in any order.
    #[test]
    fn however_it_is_fed_the_index_ends_the_same(
        happenings in happenings(),
        appends in prop::collection::vec((any::<Index>(), any::<Index>()), 0..100),
    ) {
        let log = ledger(happenings).log;
        prop_assume!(!log.is_empty());
        let mut index = RoutingIndex::new();
        for (at, recorded) in log.iter().enumerate() {
            for (when, which) in &appends {
                if when.index(log.len()) == at {
                    own(&mut index, which.get(&log));
                }
            }
            index.follow(recorded);
        }
        prop_assert_eq!(index, followed(&log));
    }

    /// Before the tail has come, all own appends in any order lead where the log leads.
    #[test]
    fn order_does_not_matter(
        happenings in happenings(),
        keys in prop::collection::vec(any::<u64>(), 150 * 2),
    ) {
        let log = ledger(happenings).log;
        let mut shuffled: Vec<_> = log.iter().zip(&keys).collect();
        shuffled.sort_by_key(|(_, key)| **key);
        let mut index = RoutingIndex::new();
        for (recorded, _) in shuffled {
            own(&mut index, recorded);
        }
        let expected = followed(&log);
        prop_assert_eq!(index.read_at(), Position::START);
        index.reached(expected.read_at());
        prop_assert_eq!(index, expected);
    }

    /// The states in the index are those of the streams.
    #[test]
    fn the_index_holds_what_the_streams_add_up_to(happenings in happenings()) {
        let ledger = ledger(happenings);
        let index = followed(&ledger.log);
        for (n, state) in &ledger.recipients {
            prop_assert_eq!(index.recipient(&acme(), &name(&format!("r{n}"))), state);
        }
        for (n, state) in &ledger.subscriptions {
            let known = index.subscription(&acme(), &name(&format!("s{n}")));
            prop_assert_eq!(&known.cloned().unwrap_or_default(), state);
        }
    }

    /// considered = planned + not planned, every pair once, and the rules of both sides accept the plan.
    #[test]
    fn every_considered_pair_ends_in_a_decision(happenings in happenings()) {
        let ledger = ledger(happenings);
        let index = followed(&ledger.log);
        let version = version(BTreeMap::new(), vec![]);
        let request =
            SliceRequest { tenant: &acme(), version: &version, slice: 0, after: None, now: NOW };
        let plan = plan_slice(&index, &Schedules::default(), request, |_| false);
        let speaking = |state: &&subscription::Subscription| state.body().is_some();
        let considered = ledger.subscriptions.values().filter(speaking).count();
        prop_assert_eq!(plan.slice.sums.considered, considered as u64);
        prop_assert!(considered <= MAX_RECIPIENTS);
        let not_planned: u64 = plan.slice.sums.not_planned.values().sum();
        prop_assert_eq!(plan.slice.sums.planned + not_planned, plan.slice.sums.considered);
        prop_assert_eq!(plan.deliveries.len() as u64, plan.slice.sums.planned);
        for (_, planned) in &plan.deliveries {
            prop_assert!(index.authorise(&acme(), planned, NOW).is_ok());
            let schedule = delivery::Command::Schedule(Box::new(planned.clone()));
            let mut unplanned = delivery::Delivery::default();
            prop_assert!(run::<delivery::Rules>(&mut unplanned, schedule).is_ok());
        }
        let mut run_state = distribution::Distribution::default();
        let receive = distribution::Command::Receive(Box::new(version.clone()));
        run::<distribution::Rules>(&mut run_state, receive).unwrap();
        let slice = distribution::Command::PlanSlice(plan.slice);
        prop_assert_eq!(run::<distribution::Rules>(&mut run_state, slice).map(|e| e.len()), Ok(1));
    }
}
