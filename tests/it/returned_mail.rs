use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Api, Mail, Node, Scene, answer, mail_of};

/// An address that no other test and no other run has a mail for.
fn own_address(who: &str) -> String {
    format!("{who}.{}@it.example", uuid::Uuid::new_v4().simple())
}

/// Ada has a mail, as it was handed to the relay.
struct Sent {
    scene: Scene,
    node: Node,
    api: Api,
    mail: Mail,
    delivery: String,
    key: String,
    address: String,
}

async fn sent() -> Sent {
    let scene = Scene::set().await.with("mail.bounce_domain", "returns.waybill.example");
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    let address = own_address("ada");
    api.report("risk").await;
    api.recipient("ada", "mail", &address, "risk").await;
    let distribution = api.publish("risk", "v1").await;
    scene.reconciled(&distribution).await;
    let mail = mail_of(&address).await;
    let delivery = scene.delivery_to(&distribution, "ada").await;
    Sent { scene, node, api, mail, delivery, key, address }
}

/// What a mail server sends back to the envelope's sender.
fn bounce(mail: &Mail) -> String {
    format!(
        "From: MAILER-DAEMON@mx.it.example\r\nTo: <{}>\r\nSubject: Undelivered Mail\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"=_b\"\r\n\r\n\
         --=_b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.it.example\r\n\r\n\
         Final-Recipient: rfc822; ada@it.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\
         Diagnostic-Code: smtp; 550 5.1.1 <ada@it.example>: User unknown\r\n\r\n--=_b--\r\n",
        mail.sender
    )
}

async fn hand_in(api: &Api, raw: &str) -> Answer {
    let request = api.request(Method::POST, "/v1/mail/returns");
    answer(request.header("content-type", "message/rfc822").body(raw.to_owned())).await
}

#[tokio::test]
async fn a_mail_that_comes_back_suppresses_its_address_and_the_timeline_says_why() {
    let Sent { scene, node: _node, api, mail, delivery, .. } = sent().await;
    let mark = mail.header("X-Waybill-Return");
    assert_eq!(mail.sender, format!("bounce+{mark}@returns.waybill.example"));
    assert_eq!(mail.header("From"), "Waybill <reports@waybill.example>");

    let told = hand_in(&api, &bounce(&mail)).await.ok();
    assert_eq!((&told["delivery"], &told["kind"]), (&json!(delivery), &json!("failed")));
    assert_eq!((&told["recorded"], &told["suppressed"]), (&json!(true), &json!("hard_bounce")));
    let again = hand_in(&api, &bounce(&mail)).await.ok();
    assert_eq!(again["recorded"], json!(false));

    let query = "query($id: ID!, $at: Position!) { delivery(id: $id, atLeastPosition: $at) \
                 { timeline { type summary reply { text } } } }";
    let seen = api.graphql(query, &json!({ "id": delivery, "at": told["position"] })).await;
    let events = seen["data"]["delivery"]["timeline"].as_array();
    let last = events.and_then(|events| events.last()).unwrap_or_else(|| panic!("{seen}"));
    assert_eq!(last["type"], "EvidenceRecorded");
    let summary = last["summary"].as_str().unwrap();
    assert!(summary.contains("came back") && summary.contains("smtp.5.1.1"), "{summary}");
    assert_eq!(last["reply"]["text"], "550 5.1.1 <ada@it.example>: User unknown");

    let next = api.publish("risk", "v2").await;
    scene.reconciled(&next).await;
    let found = api.get(&format!("/v1/distributions/{next}")).await.ok();
    assert_eq!(found["not_planned_by"]["suppressed_address"], json!(1), "{found}");

    let elsewhere = own_address("ada");
    let address = json!({ "channel": "mail", "value": elsewhere });
    api.put("/v1/recipients/ada/addresses/main", &address).await.ok();
    let after = api.publish("risk", "v3").await;
    scene.reconciled(&after).await;
    mail_of(&elsewhere).await;
}

#[tokio::test]
async fn what_is_no_report_of_ours_is_refused_by_field_value_and_rule() {
    let Sent { scene: _scene, node: _node, api, mail, .. } = sent().await;
    let mark = mail.header("X-Waybill-Return");
    let forged = format!("{}{}", if mark.starts_with('a') { "b" } else { "a" }, &mark[1..]);
    let genuine = bounce(&mail);
    let refused: [(String, &str); 4] = [
        (genuine.replace(&mark, &forged), "forged"),
        (genuine.replace(&mark, "someone"), "unmarked"),
        ("hello".to_owned(), "unreadable"),
        (
            format!("To: <{}>\r\nSubject: Hello\r\n\r\nHow are you?\r\n", mail.sender),
            "not_a_report",
        ),
    ];
    for (raw, rule) in refused {
        let problem = hand_in(&api, &raw).await.problem(422, "invalid");
        assert_eq!((&problem["rule"], &problem["field"]), (&json!(rule), &json!("body")));
    }
    let request = api.request(Method::POST, "/v1/mail/returns");
    let odd = answer(request.header("content-type", "text/plain").body(genuine.clone())).await;
    odd.problem(415, "unsupported_media_type");
    let told: Value = hand_in(&api, &genuine).await.ok();
    assert_eq!(told["recorded"], json!(true), "none of them did anything");
}

#[tokio::test]
async fn a_request_repeated_under_its_key_gets_its_first_answer() {
    let Sent { scene: _scene, node: _node, api, mail, .. } = sent().await;
    let hand_in = async |raw: String| {
        let request = api.request(Method::POST, "/v1/mail/returns");
        let request = request.header("idempotency-key", "dsn-1");
        answer(request.header("content-type", "message/rfc822").body(raw)).await
    };
    let first = hand_in(bounce(&mail)).await.ok();
    assert_eq!(first["recorded"], json!(true));
    let again = hand_in(bounce(&mail)).await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.ok(), first);
    hand_in(bounce(&mail).replace("5.1.1", "5.1.2")).await.problem(422, "idempotency_key_reused");
}

#[tokio::test]
async fn the_command_line_lists_exports_imports_and_lifts_suppressions() {
    let Sent { scene, node, api, mail, key, address, .. } = sent().await;
    hand_in(&api, &bounce(&mail)).await.ok();
    let waybill = async |words: &[&str]| {
        let at = ["--url", &node.url, "--key", &key, "--output", "json"];
        let ended = scene.waybill(&[&["suppressions"], words, &at].concat()).await;
        let told: Value = serde_json::from_str(&ended.stdout).unwrap_or_default();
        (ended.code, told, ended.stderr)
    };
    let (code, told, said) = waybill(&["list"]).await;
    assert_eq!(code, Some(0), "{said}");
    let row = &told["rows"][0];
    assert_eq!((&row["address"], &row["reason"]), (&json!(address), &json!("hard_bounce")));
    assert!(row["until"].is_string(), "a hard bounce has an end");

    let file = scene.path().join("suppressed.ndjson");
    let file = file.to_str().unwrap();
    assert_eq!(waybill(&["export", file]).await.1["lines"], json!(1));
    let lift = ["lift", &address, "--reason", "her mailbox is back"];
    assert_eq!(waybill(&lift).await.1["lifted"], json!(1));
    assert_eq!(waybill(&["list"]).await.1["rows"], json!([]));
    let (code, told, _) = waybill(&["import", file]).await;
    assert_eq!((code, &told["suppressed"]), (Some(0), &json!(1)));
    let exported = std::fs::read_to_string(file).unwrap();
    std::fs::write(file, format!("{exported}nonsense\n")).unwrap();
    let (code, told, _) = waybill(&["import", file]).await;
    assert_eq!((code, &told["rejected"][0]["line"]), (Some(1), &json!(2)));
}
