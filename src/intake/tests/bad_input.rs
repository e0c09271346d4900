use schema::events::{ArtifactRef, ReportEvent};
use schema::{AttributeValue, Format, Sha256, StreamId};
use sqlx::Executor;

use super::support::{World, acme, named, report, until, version};
use crate::{IntakeConfig, ReceiveReport};

async fn refusal(world: &World, given: ReceiveReport) -> (&'static str, String) {
    let error = world.intake.receive(given).await.unwrap_err();
    assert!(!error.is_passing(), "{error}");
    (error.reason(), error.to_string())
}

#[tokio::test]
async fn an_unknown_and_a_retired_report_are_refused_by_name() {
    let world = World::start(0).await;
    let unknown = ReceiveReport { report: named("rsik"), ..report("1") };
    let told = "report: rsik is not registered; register it first".to_owned();
    assert_eq!(refusal(&world, unknown).await, ("unknown_report", told));

    let retired = ReportEvent::ReportRetired { reason: "replaced".to_owned() };
    world.append(StreamId::report(&acme(), &named("risk")), 1, vec![retired.into()]).await;
    let told = "report: risk was retired; no further versions are taken".to_owned();
    assert_eq!(refusal(&world, report("1")).await, ("retired_report", told));
    assert!(world.distributions().await.is_empty());
}

#[tokio::test]
async fn a_report_another_node_registered_a_moment_ago_is_known() {
    let world = World::start(0).await;
    *world.routing.write().unwrap() = aggregates::routing::RoutingIndex::new();
    assert!(world.intake.receive(report("1")).await.is_ok());
}

#[tokio::test]
async fn an_artifact_of_which_the_tenant_has_no_bytes_is_refused() {
    let world = World::start(0).await;
    let rival = schema::TenantId::try_new("rival").unwrap();
    world.artifacts.put_bytes(&rival, "secret".into(), None).await.unwrap();
    let sha256 = Sha256::of(b"secret");
    let artifact =
        ArtifactRef { name: "a.csv".to_owned(), format: Format::Csv, sha256, size_bytes: 6 };
    let given = ReceiveReport { artifacts: vec![artifact], ..report("1") };
    let told =
        format!("artifacts[0].sha256: no artifact with SHA-256 {sha256} was uploaded before");
    assert_eq!(refusal(&world, given).await, ("artifact_missing", told));
}

#[tokio::test]
async fn an_artifact_of_another_size_than_said_is_refused() {
    let world = World::start(0).await;
    let mut artifact = world.artifact("a.csv", "four").await;
    artifact.size_bytes = 5;
    let given = ReceiveReport { artifacts: vec![artifact], ..report("1") };
    let told = "artifacts[0].size_bytes: the artifact has 4 bytes, not 5".to_owned();
    assert_eq!(refusal(&world, given).await, ("artifact_size_differs", told));
}

#[tokio::test]
async fn what_is_not_well_formed_is_refused_by_field_value_and_rule() {
    let world = World::start(0).await;
    let file = world.artifact("a.csv", "four").await;
    let with_files = |names: &[&str]| {
        let one = |name: &&str| ArtifactRef { name: (*name).to_owned(), ..file.clone() };
        ReceiveReport { artifacts: names.iter().map(one).collect(), ..report("1") }
    };
    let with_attribute = |name: &str, value: &str| {
        let mut given = report("1");
        given.attributes.insert(name.to_owned(), AttributeValue::Text(value.to_owned()));
        given
    };
    let many = (0..17).map(|number| format!("{number}.csv")).collect::<Vec<_>>();
    let many = many.iter().map(String::as_str).collect::<Vec<_>>();
    for (given, told) in [
        (with_files(&["../a.csv"]), "\"../a.csv\" must be a file name without a path"),
        (with_files(&["a\r\nb"]), "must not contain control characters"),
        (with_files(&["a.csv", "a.csv"]), "must not be that of another artifact"),
        (with_files(&many), "artifacts: \"17\" must be at most 16 in number"),
        (with_attribute("region", &"x".repeat(257)), "attributes.region: "),
        (with_attribute("region", "a\0b"), "must not contain NUL"),
        (with_attribute("re gion", "a"), "attributes: \"re gion\" must be named by"),
        (
            ReceiveReport { corrects: Some(version("1")), ..report("1") },
            "version 1 cannot correct itself",
        ),
        (
            ReceiveReport { corrects: Some(version("0")), ..report("1") },
            "corrects: version 0 of risk was never received",
        ),
    ] {
        let (_, said) = refusal(&world, given).await;
        assert!(said.contains(told), "{said} should say {told}");
    }
    assert!(world.distributions().await.is_empty());
}

#[tokio::test]
async fn while_the_database_is_away_nothing_is_acknowledged_and_the_same_call_later_works() {
    let world = World::start_with(0, IntakeConfig::default(), 300).await;
    let mut admin = world.test.superuser().await;
    let database = &world.test.database;
    let close = format!("alter database {database} connection limit 0");
    let end = "select pg_terminate_backend(pid) from pg_stat_activity \
               where datname = current_database() and pid <> pg_backend_pid()";
    admin.execute(close.as_str()).await.unwrap();
    admin.execute(end).await.unwrap();

    let refused = world.intake.receive(report("1")).await.unwrap_err();

    assert_eq!(refused.reason(), "unavailable", "{refused}");
    assert!(refused.is_passing());
    let open = format!("alter database {database} connection limit -1");
    admin.execute(open.as_str()).await.unwrap();
    until("the ledger answers again", || async { world.intake.receive(report("1")).await.is_ok() })
        .await;
    assert_eq!(world.distributions().await.len(), 2);
}
