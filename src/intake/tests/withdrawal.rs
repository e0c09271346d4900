use schema::events::DistributionEvent;
use schema::{Actor, DistributionId};
use store::Precondition;

use super::support::{World, acme, named, report, version};
use crate::WithdrawVersion;

fn withdrawal(reason: &str) -> WithdrawVersion {
    WithdrawVersion {
        tenant: acme(),
        report: named("risk"),
        version: version("1"),
        reason: reason.to_owned(),
        actor: Actor::new("key", "publisher"),
        command: None,
        precondition: Precondition::Any,
        traceparent: None,
    }
}

#[tokio::test]
async fn a_version_is_withdrawn_once_and_the_index_knows_at_once() {
    let world = World::start(0).await;
    world.intake.receive(report("1")).await.unwrap();

    let first = world.intake.withdraw(withdrawal("wrong prices")).await.unwrap();
    let again = world.intake.withdraw(withdrawal("really")).await.unwrap();

    assert!(!first.repeated && again.repeated);
    assert_eq!(first.position, again.position);
    let run = DistributionId::of(&acme(), &named("risk"), &version("1"));
    assert!(world.routing.read().unwrap().stopped(run).is_some());
    let told = DistributionEvent::VersionWithdrawn { reason: "wrong prices".to_owned() };
    assert_eq!(world.distributions().await.last(), Some(&told));
}

#[tokio::test]
async fn an_unknown_version_and_an_empty_reason_are_refused() {
    let world = World::start(0).await;
    let refused = world.intake.withdraw(withdrawal("wrong")).await.unwrap_err();
    assert_eq!(refused.to_string(), "version: version 1 of risk was never received");

    world.intake.receive(report("1")).await.unwrap();
    let refused = world.intake.withdraw(withdrawal(" ")).await.unwrap_err();
    assert_eq!((refused.reason(), refused.field()), ("invalid", Some("reason")));
}
