#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly")]

use figment::Figment;
use figment::providers::{Format, Toml};

use secrecy::ExposeSecret;

use super::Config;

const LEAST: &str = r#"
    [database]
    url = "postgres://app@localhost/waybill"
    [vault]
    url = "postgres://app@localhost/vault"
    master_key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
"#;

fn wrong(more: &str) -> String {
    let text = format!("{LEAST}\n{more}");
    match Config::from_figment(&Figment::new().merge(Toml::string(&text))) {
        Ok(_) => panic!("{more} was taken"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn two_urls_and_a_key_are_enough() {
    let config = Config::from_figment(&Figment::new().merge(Toml::string(LEAST))).unwrap();
    assert_eq!(config.api.bind, "127.0.0.1:8080");
    assert!(config.kafka.brokers.is_empty());
}

#[test]
fn what_is_missing_is_named() {
    let error = Config::from_figment(&Figment::new()).unwrap_err().to_string();
    assert!(error.contains("database"), "{error}");
    assert!(error.contains("vault"), "{error}");
}

#[test]
fn every_wrong_value_is_named_at_once() {
    let error = wrong("[api]\nrequest_limit = \"few\"\n[mail]\nport = \"many\"\n");
    assert!(error.contains("api.request_limit"), "{error}");
    assert!(error.contains("mail.port"), "{error}");
}

#[test]
fn a_value_of_the_wrong_type_hides_no_other_that_breaks_a_rule() {
    let error =
        wrong("[api]\nrequest_limit = \"few\"\ndrain_ms = 9999999\n[log]\nlevel = \"loud\"");
    for key in ["api.request_limit: ", "api.drain_ms: ", "log.level: "] {
        assert!(error.contains(key), "{error}");
    }
}

#[test]
fn an_unknown_key_or_section_is_an_error() {
    assert!(wrong("[api]\nbinnd = \"127.0.0.1:1\"").contains("api"));
    assert!(wrong("[smtp]\nhost = \"x\"").contains("smtp: is no section"));
    let misspelt = "[retry.mail]\nbase_ms = 1\ncap_ms = 1\nattempt_limit = 1\n\
                    retry_after_cap_ms = 1\ndoubt_limit = 1\ndoubts = 2";
    let error = wrong(misspelt);
    assert!(error.contains("doubts") && error.contains("retry"), "{error}");
}

#[test]
fn a_value_out_of_its_range_names_the_range() {
    let error = wrong("[dispatch]\npermits = 1");
    assert!(error.contains("dispatch.permits"), "{error}");
    let error = wrong(
        "[retry.mail]\nbase_ms = 9\ncap_ms = 1\nattempt_limit = 1\nretry_after_cap_ms = 1\ndoubt_limit = 1",
    );
    assert!(error.contains("retry.mail.base_ms"), "{error}");
}

#[test]
fn secrets_do_not_appear_in_what_is_printed() {
    let config = Config::from_figment(&Figment::new().merge(Toml::string(LEAST))).unwrap();
    let printed = format!("{config:?}");
    assert!(!printed.contains("AAAAAAAA") && !printed.contains("app@localhost"), "{printed}");
}

#[test]
fn a_secret_of_digits_in_a_file_is_a_text() {
    let more = "[mail]\nusername = 42\npassword = 12345678\ntls = \"implicit\"\n\
        [kafka.properties]\n\"sasl.password\" = 7\n";
    let text = format!("{LEAST}\n{more}");
    let figment = super::secrets::as_texts(Figment::new().merge(Toml::string(&text)));
    let config = Config::from_figment(&figment).unwrap();
    assert_eq!(config.mail.password.unwrap().expose_secret(), "12345678");
    assert_eq!(config.kafka.properties["sasl.password"].expose_secret(), "7");
}
