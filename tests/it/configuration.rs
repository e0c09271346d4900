use crate::support::{Scene, bare, run};

/// Settings that no database is needed for to be found wrong.
const LEAST: [(&str, &str); 3] = [
    ("WAYBILL_DATABASE__URL", "postgres://app@127.0.0.1:1/waybill"),
    ("WAYBILL_VAULT__URL", "postgres://app@127.0.0.1:1/vault"),
    ("WAYBILL_VAULT__MASTER_KEY", "d2F5YmlsbC10ZXN0LW1hc3Rlci1rZXktMzItYnl0ZXM="),
];

async fn complaint(words: &[&str], settings: &[(&str, &str)]) -> String {
    let mut command = bare();
    command.envs(LEAST).envs(settings.iter().copied());
    let ended = run(command, words).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stdout.is_empty(), "{}", ended.stdout);
    ended.stderr
}

#[tokio::test]
async fn every_wrong_value_is_named_at_once_with_its_key() {
    let of_type = [
        ("WAYBILL_API__REQUEST_LIMIT", "few"),
        ("WAYBILL_MAIL__PORT", "99999"),
        ("WAYBILL_MAIL__TLS", "perhaps"),
        ("WAYBILL_LOG__FORMAT", "xml"),
    ];
    let said = complaint(&["serve"], &of_type).await;
    for key in ["api.request_limit", "mail.port", "mail.tls", "log.format"] {
        assert!(said.contains(key), "{key} is not named: {said}");
    }
    let out_of_range = [
        ("WAYBILL_API__BODY_LIMIT_BYTES", "1"),
        ("WAYBILL_DATABASE__READERS", "1000"),
        ("WAYBILL_DISPATCH__PERMITS", "1"),
        ("WAYBILL_ARTIFACTS__MAX_BYTES", "0"),
        ("WAYBILL_LOG__LEVEL", "loud"),
        ("WAYBILL_INTAKE__PLANNING_CONCURRENCY", "100"),
    ];
    let said = complaint(&["serve"], &out_of_range).await;
    for key in [
        "api.body_limit_bytes: \"1\" must be 1024",
        "database.readers: \"1000\" must be 2 to 100",
        "dispatch.permits: \"1\" must be",
        "artifacts.max_bytes: \"0\" must be",
        "log.level: \"loud\" must be",
        "intake.planning_concurrency: \"100\" must be",
    ] {
        assert!(said.contains(key), "{key} is not named: {said}");
    }
}

#[tokio::test]
async fn unknown_keys_and_sections_are_named_and_missing_ones_too() {
    let unknown = [("WAYBILL_API__BINDD", "127.0.0.1:1"), ("WAYBILL_SMTP__HOST", "relay")];
    let said = complaint(&["serve"], &unknown).await;
    assert!(said.contains("bindd"), "{said}");
    assert!(said.contains("smtp: is no section"), "{said}");
    let ended = run(bare(), &["serve"]).await;
    assert_eq!(ended.code, Some(1));
    for section in ["database", "vault"] {
        assert!(ended.stderr.contains(section), "{section} is not named: {}", ended.stderr);
    }
    let said = complaint(&["serve", "--config", "nowhere.toml"], &[]).await;
    assert!(said.contains("nowhere.toml"), "{said}");
}

#[tokio::test]
async fn a_file_is_read_and_a_variable_wins_over_it() {
    let scene = Scene::set().await;
    let file = scene.path().join("waybill.toml");
    std::fs::write(&file, "[log]\nlevel = \"loud\"\n[mail]\nprot = 1\n").unwrap();
    let words = ["doctor", "--config", file.to_str().unwrap()];
    let ended = scene.waybill(&words).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("prot"), "{}", ended.stderr);
    std::fs::write(&file, "[log]\nlevel = \"loud\"\n").unwrap();
    let ended = scene.waybill(&words).await;
    assert!(ended.stderr.contains("log.level: \"loud\""), "{}", ended.stderr);
    let mut command = scene.command();
    command.env("WAYBILL_LOG__LEVEL", "warn");
    let ended = run(command, &words).await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}

#[tokio::test]
async fn a_secret_that_is_wrong_is_not_repeated() {
    for secret in ["kanarienvogel", "7361940258", "[7361940258]", "{a=7361940258}", "true"] {
        for variable in [
            "WAYBILL_DATABASE__URL",
            "WAYBILL_DATABASE__OWNER_URL",
            "WAYBILL_VAULT__URL",
            "WAYBILL_VAULT__MASTER_KEY",
            "WAYBILL_MAIL__PASSWORD",
            "WAYBILL_KAFKA__PROPERTIES",
            "WAYBILL_KAFKA__PROPERTIES__SASL.PASSWORD",
            "WAYBILL_DATABASE",
            "WAYBILL_VAULT",
            "WAYBILL_MAIL",
        ] {
            let wrong = [(variable, secret), ("WAYBILL_LOG__LEVEL", "loud")];
            let said = complaint(&["serve"], &wrong).await;
            assert!(!said.contains("kanarienvogel") && !said.contains("7361940258"), "{said}");
            assert!(secret != "true" || !said.contains("true"), "{variable}: {said}");
        }
    }
}

#[tokio::test]
async fn a_secret_may_be_made_of_digits_and_stays_as_it_is() {
    for secret in ["12345678", "0012", "1e5", "true", "{a}", "[1]"] {
        let given = [
            ("WAYBILL_MAIL__USERNAME", secret),
            ("WAYBILL_MAIL__PASSWORD", secret),
            ("WAYBILL_MAIL__TLS", "implicit"),
            ("WAYBILL_LOG__LEVEL", "loud"),
        ];
        let said = complaint(&["serve"], &given).await;
        assert_eq!(
            said.trim(),
            "waybill: configuration: log.level: \"loud\" must be error, \
            warn, info, debug or trace",
            "{secret}"
        );
    }
}

#[tokio::test]
async fn a_broken_file_is_named_with_its_place_and_not_repeated() {
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("waybill.toml");
    std::fs::write(&file, "[mail]\npassword = kanarienvogel\n").unwrap();
    let said = complaint(&["serve", "--config", file.to_str().unwrap()], &[]).await;
    assert!(said.contains("waybill.toml") && said.contains("line 2"), "{said}");
    assert!(!said.contains("kanarienvogel"), "{said}");
}

#[tokio::test]
async fn wrong_values_of_every_section_are_named_before_anything_is_connected_to() {
    let wrong = [
        ("NODE__ID", "n\t1", "node.id"),
        ("API__BIND", "nowhere", "api.bind"),
        ("API__REQUEST_LIMIT", "0", "api.request_limit"),
        ("API__DRAIN_MS", "9999999", "api.drain_ms"),
        ("DATABASE__WRITERS", "5", "database.writers"),
        ("DATABASE__READERS", "1", "database.readers"),
        ("VAULT__MASTER_KEY", "short", "vault.master_key"),
        ("KAFKA__IN_FLIGHT", "0", "kafka.in_flight"),
        ("INTAKE__TURN_SLICES", "0", "intake.turn_slices"),
        ("INTAKE__PLANNING_POLL_MS", "1", "intake.planning_poll_ms"),
        ("ARTIFACTS__MAX_BYTES", "0", "artifacts.max_bytes"),
        ("ARTIFACTS__CONCURRENT_OPERATIONS", "0", "artifacts.concurrent_operations"),
        ("MAIL__PORT", "0", "mail.port"),
        ("MAIL__POOL_SIZE", "0", "mail.pool_size"),
        ("MAIL__FROM_ADDRESS", "nobody", "mail.from_address"),
        ("WEBHOOK__TIMEOUT_MS", "1", "webhook.timeout_ms"),
        ("WEBHOOK__ALLOW", "[\"10.0.0.0/99\"]", "webhook.allow"),
        ("DISPATCH__PERMITS", "1", "dispatch.permits"),
        ("DISPATCH__CLAIM_ROWS", "0", "dispatch.claim_rows"),
        ("FOLLOWERS__LEASE_MS", "1", "followers.lease_ms"),
        ("FOLLOWERS__BATCH_EVENTS", "1", "followers.batch_events"),
        ("LOG__LEVEL", "loud", "log.level"),
    ];
    let variables = wrong.map(|(key, value, _)| (format!("WAYBILL_{key}"), value));
    let settings: Vec<_> = variables.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    let said = complaint(&["serve"], &settings).await;
    for (_, _, key) in wrong {
        assert!(said.contains(&format!("{key}: ")), "{key} is not named: {said}");
    }
}
