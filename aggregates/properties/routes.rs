use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::Index;
use schema::events::{GroupSubscriptionBody, PauseScope, ReportProfile, RetireReason};
use schema::{
    Actor, Addressee, ChannelKind, GroupId, LedgerEvent, Metadata, Position, RecipientId,
    RecordedEvent, ReportSelector, StreamId,
};

use crate::decider::{Decider, run};
use crate::planning::{MAX_RECIPIENTS, SliceRequest, plan_slice};
use crate::retry::Schedules;
use crate::routing::RoutingIndex;
use crate::samples::{NOW, acme, body, name, plan, profile, sealed, version};
use crate::{delivery, distribution, group, recipient, report, subscription, tenant};

/// A ledger in memory: what commands cause, in the order in which they are given.
#[derive(Default)]
struct Ledger {
    log: Vec<RecordedEvent>,
    tenant: tenant::Tenant,
    report: report::Report,
    recipients: BTreeMap<u8, recipient::Recipient>,
    groups: BTreeMap<GroupId, group::Group>,
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

    fn group(&mut self, n: u8, command: group::Command) {
        let id: GroupId = name(&format!("g{n}"));
        let stream = StreamId::group(&acme(), &id);
        let events = obeyed::<group::Rules>(self.groups.entry(id).or_default(), command);
        self.append(&stream, events);
    }

    /// Who gets what a subscription asks for, by going round until nothing is new.
    fn considered(&self, subscription: &subscription::Subscription) -> BTreeSet<RecipientId> {
        let subscriber = subscription.body().map(|body| &body.subscriber);
        let (mut found, mut groups) = (BTreeSet::new(), BTreeSet::new());
        found.extend(subscriber.and_then(Addressee::recipient).cloned());
        groups.extend(subscriber.and_then(Addressee::group).cloned());
        loop {
            let before = (found.len(), groups.len());
            for group in groups.clone() {
                let Some(members) = self.groups.get(&group).and_then(group::Group::members) else {
                    continue;
                };
                found.extend(members.recipients.iter().cloned());
                groups.extend(members.groups.iter().cloned());
            }
            if before == (found.len(), groups.len()) {
                found.retain(|member| !subscription.has_opted_out(member));
                return found;
            }
        }
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
            5 | 6 => self.subscription(n, subscription::Command::Subscribe(wish().into())),
            7 => {
                let mut other = body(&format!("r{}", n / 2), "*");
                other.preferences.deadline_s = Some(u32::from(n) + 1);
                self.subscription(n, subscription::Command::Change(other.into()));
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
                let profile = ReportProfile {
                    title: why(),
                    owner: why(),
                    deadline_s: 60,
                    columns: vec![],
                    self_service: false,
                };
                let command = report::Command::Register(profile);
                let events = obeyed::<report::Rules>(&mut self.report, command);
                self.append(&StreamId::report(&acme(), &name("risk")), events);
            }
            15 => self.distribution(distribution::Command::Receive(Box::new(version(
                BTreeMap::new(),
                vec![],
            )))),
            16 => self.distribution(distribution::Command::Withdraw { reason: why() }),
            17 => self.distribution(distribution::Command::MarkCorrected { by: name("v2") }),
            _ => self.happen_to_groups(choice, n),
        }
    }
}

impl Ledger {
    fn happen_to_groups(&mut self, choice: u8, n: u8) {
        let why = || "why".to_owned();
        let members = || vec![name(&format!("r{n}")), name(&format!("r{}", n / 2))];
        match choice {
            18 | 19 => self.group(n, group::Command::Create { title: why() }),
            20 | 21 => self.group(n / 2, group::Command::Settle { add: members(), remove: vec![] }),
            22 => self.group(n / 2, group::Command::Settle { add: vec![], remove: members() }),
            // As two nodes would that do not know of each other: some end up in themselves.
            23 | 24 => {
                let (group, nesting) = (name(&format!("g{}", 5 - n)), group::Nesting::default());
                self.group(n / 2, group::Command::AddGroup { group, nesting });
            }
            25 => {
                let group = name(&format!("g{}", 5 - n));
                self.group(n / 2, group::Command::RemoveGroup { group });
            }
            26 => self.group(n, group::Command::Retire { reason: why() }),
            27 | 28 => {
                let own = body("nobody", if n.is_multiple_of(2) { "risk" } else { "*" });
                let body = GroupSubscriptionBody {
                    group: name(&format!("g{}", n / 2)),
                    selector: own.selector,
                    preferences: own.preferences,
                };
                self.subscription(n + 6, subscription::Command::Subscribe(body.into()));
            }
            29 => {
                let recipient = name(&format!("r{}", n / 2));
                let reason = why();
                self.subscription(n + 6, subscription::Command::OptOut { recipient, reason });
            }
            30 => {
                let recipient = name(&format!("r{}", n / 2));
                self.subscription(n + 6, subscription::Command::OptIn { recipient });
            }
            _ => self.subscription(n + 6, subscription::Command::Unsubscribe { reason: why() }),
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
    prop::collection::vec((0..32_u8, 0..6_u8), 1..150)
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
        for (id, state) in &ledger.groups {
            prop_assert_eq!(index.group(&acme(), id), state);
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
        let pairs = ledger.subscriptions.values().map(|state| ledger.considered(state).len());
        let considered: usize = pairs.sum();
        prop_assert_eq!(plan.slice.sums.considered, considered as u64);
        prop_assert!(considered <= MAX_RECIPIENTS);
        let not_planned: u64 = plan.slice.sums.not_planned.values().sum();
        prop_assert_eq!(plan.slice.sums.planned + not_planned, plan.slice.sums.considered);
        prop_assert_eq!(plan.deliveries.len() as u64, plan.slice.sums.planned);
        for (n, subscription) in &ledger.subscriptions {
            let id = name(&format!("s{n}"));
            let planned = plan.deliveries.iter().filter(|(_, plan)| plan.subscription == id);
            let not = plan.slice.decisions.iter().filter(|decision| decision.subscription == id);
            let decided: Vec<_> = planned
                .map(|(_, plan)| &plan.recipient)
                .chain(not.map(|decision| &decision.recipient))
                .collect();
            let found: BTreeSet<_> = decided.iter().map(|member| (*member).clone()).collect();
            prop_assert_eq!(decided.len(), found.len());
            prop_assert_eq!(found, ledger.considered(subscription));
        }
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

    /// Who is a member is the same whether it is asked from the group or from the recipient, and ends whatever groups
    /// say of each other.
    #[test]
    fn members_are_found_from_both_sides(happenings in happenings()) {
        let ledger = ledger(happenings);
        let index = followed(&ledger.log);
        for n in 0..6 {
            let recipient = name(&format!("r{n}"));
            let of = index.groups_of(&acme(), &recipient);
            for group in ledger.groups.keys() {
                let is_member = index.is_member(&acme(), group, &recipient);
                prop_assert_eq!(is_member, of.contains(&group));
                for other in ledger.groups.keys() {
                    let nesting = index.nesting(&acme(), group, other);
                    let deepest = nesting.above.max(nesting.below);
                    prop_assert!(deepest <= group::MAX_DEPTH + 1);
                }
            }
        }
    }
}
