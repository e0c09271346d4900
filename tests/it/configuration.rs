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
    let secret = "kanarienvogel";
    for variable in ["WAYBILL_DATABASE__URL", "WAYBILL_VAULT__URL", "WAYBILL_VAULT__MASTER_KEY"] {
        let said = complaint(&["serve"], &[(variable, secret)]).await;
        assert!(!said.contains(secret), "{variable}: {said}");
    }
}
