use serde_json::Value;

use super::{env, http, until};

/// A mail as the capturing server has it.
pub struct Mail {
    /// Its envelope's sender.
    pub sender: String,
    /// All of it, as it came.
    pub source: String,
    /// Its only attachment.
    pub attachment: Vec<u8>,
}

impl Mail {
    /// A header's value, unfolded.
    pub fn header(&self, name: &str) -> String {
        let head = self.source.replace("\r\n", "\n");
        let head = head.split("\n\n").next().unwrap().replace("\n ", " ").replace("\n\t", " ");
        let found = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.unwrap_or_else(|| panic!("no header {name} in {head}")).1.trim().to_owned()
    }
}

async fn get(path: &str) -> reqwest::Response {
    let url = format!("{}/api/email{path}", env("WAYBILL_TEST_MAILDEV_URL"));
    http().get(url).send().await.unwrap().error_for_status().unwrap()
}

/// Waits for the only mail to this address.
pub async fn mail_of(address: &str) -> Mail {
    let found: Value = until("the mail is there", async || {
        let all: Value = get(&format!("?to.address={address}")).await.json().await.unwrap();
        let all = all.as_array().unwrap();
        assert!(all.len() < 2, "{} mails to {address}", all.len());
        all.first().cloned()
    })
    .await;
    let id = found["id"].as_str().unwrap();
    let source = get(&format!("/{id}/source")).await.text().await.unwrap();
    let attachment = match found["attachments"][0]["generatedFileName"].as_str() {
        Some(name) => {
            get(&format!("/{id}/attachment/{name}")).await.bytes().await.unwrap().to_vec()
        }
        None => Vec::new(),
    };
    let sender = &found["envelope"]["from"];
    let sender = sender["address"].as_str().or(sender.as_str()).unwrap().to_owned();
    Mail { sender, source, attachment }
}
