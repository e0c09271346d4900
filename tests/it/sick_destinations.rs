use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sink::SmtpSink;

use crate::support::{Api, Hook, Scene};

/// How each attempt at a delivery ended and what followed, in order.
async fn ends(scene: &Scene, distribution: &str, recipient: &str) -> Vec<String> {
    scene.reconciled(distribution).await;
    let sql = "select concat_ws(' ', payload #>> '{outcome,kind}', payload #>> '{outcome,fault,class}', \
        payload #>> '{outcome,fault,code}', payload #>> '{outcome,next,kind}', \
        payload #>> '{outcome,next,reason}') \
        from events where event_type = 'AttemptEnded' and aggregate_id = $1 order by sequence";
    scene.texts(sql, &scene.delivery_to(distribution, recipient).await).await
}

/// What the other side, or the rule, said to the only attempt.
async fn reply(api: &Api, scene: &Scene, distribution: &str, recipient: &str) -> String {
    let delivery = scene.delivery_to(distribution, recipient).await;
    let position = scene.count("select max(position) from events where $1 = $1", "").await;
    let query = "query($id: ID!, $at: Position!) { delivery(id: $id, atLeastPosition: $at) { \
        timeline { type reply { text } } } }";
    let said = api.graphql(query, &json!({ "id": delivery, "at": position })).await;
    let timeline =
        said["data"]["delivery"]["timeline"].as_array().unwrap_or_else(|| panic!("{said}"));
    let ended = timeline.iter().find(|entry| entry["type"] == "AttemptEnded").unwrap();
    ended["reply"]["text"].as_str().unwrap_or_else(|| panic!("{said}")).to_owned()
}

#[tokio::test]
async fn a_webhook_that_redirects_is_not_followed_and_its_delivery_says_so() {
    let (scene, hook) = (Scene::set().await, Hook::start().await);
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    api.recipient("desk", "webhook", &hook.url("/moved/elsewhere"), "risk").await;
    let distribution = api.publish("risk", "v1").await;
    // Tried by schedule, since somebody may mend it; never sent to where it points.
    let mut expected = vec!["failed config http.redirect retry_at"; 11];
    expected.push("failed config http.redirect dead_lettered attempts_exhausted");
    assert_eq!(ends(&scene, &distribution, "desk").await, expected);
    let paths: Vec<_> = hook.received().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/moved/elsewhere"; 12]);
    assert_eq!(node.terminate().await, Some(0));
}

#[tokio::test]
async fn a_name_that_is_bound_anew_to_an_inner_address_gets_nothing_there() {
    let (scene, hook) = (Scene::set().await, Hook::start().await);
    let inner = TcpListener::bind(("127.0.0.2", hook.address.port())).unwrap();
    inner.set_nonblocking(true).unwrap();
    let hosts = scene.path().join("hosts");
    // In place: the node's table is mounted from this very file.
    let bind = |address: &str| {
        fs::write(&hosts, format!("127.0.0.1 localhost\n{address} hooks.it.example\n")).unwrap();
    };
    bind("127.0.0.1");
    let key = scene.key().await;
    let node = scene.serve_with_hosts("n1", &hosts).await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    let url = format!("http://hooks.it.example:{}/in", hook.address.port());
    api.recipient("desk", "webhook", &url, "risk").await;
    let distribution = api.publish("risk", "v1").await;
    assert_eq!(ends(&scene, &distribution, "desk").await, ["succeeded"]);
    assert_eq!(hook.received().len(), 1);

    bind("127.0.0.2");
    let distribution = api.publish("risk", "v2").await;
    let expected = ["failed policy ssrf.blocked dead_lettered not_retryable"];
    assert_eq!(ends(&scene, &distribution, "desk").await, expected);
    let reply = reply(&api, &scene, &distribution, "desk").await;
    assert!(reply.starts_with("must be a public address, not "), "{reply}");
    assert_eq!(hook.received().len(), 1);
    let reached = inner.accept();
    assert!(reached.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));
    assert_eq!(node.terminate().await, Some(0));
}

fn templates(directory: &Path, text: &str) {
    fs::create_dir_all(directory).unwrap();
    for (name, source) in
        [("subject.txt", "Risk"), ("body.txt", text), ("body.html", "<p>Risk</p>")]
    {
        fs::write(directory.join(name), source).unwrap();
    }
}

async fn publish(api: &Api, version: &str, attributes: Value) -> String {
    let body = json!({ "report": "risk", "version": version, "attributes": attributes });
    let said = api.post("/v1/reports", &body).await.ok();
    said["distribution"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_template_with_an_unknown_variable_or_an_endless_loop_sends_nothing_and_names_the_place()
{
    let relay = SmtpSink::start(Duration::ZERO, true).await.unwrap();
    let scene = Scene::set().await.with("mail.port", relay.address.port());
    let directory = scene.path().join("templates");
    let scene = scene.with("mail.template_dir", directory.display());
    templates(&directory, "Hello\n{{ recipient.nmae }}");
    let ended = scene.waybill(&["serve"]).await;
    assert_eq!(ended.code, Some(1));
    for word in ["body.txt", "line 2", "recipient.nmae"] {
        assert!(ended.stderr.contains(word), "{word} is not named: {}", ended.stderr);
    }

    // Which attributes a report has is its publisher's affair: only a mail can tell.
    let spin = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
    let text = format!("{{{{ attributes.desk }}}}\n{{% if attributes.spins %}}{spin}{{% endif %}}");
    templates(&directory, &text.replace("attributes.spins", "attributes.spins == true"));
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    api.recipient("ada", "mail", "ada@it.example", "risk").await;
    for (version, attributes, code, place) in [
        ("v1", json!({ "spins": false }), "template.undefined", "body.txt line 1: "),
        (
            "v2",
            json!({ "desk": "rates", "spins": true }),
            "template.out_of_fuel",
            "body.txt line 2: ",
        ),
    ] {
        let distribution = publish(&api, version, attributes).await;
        let expected = format!("failed content {code} dead_lettered not_retryable");
        assert_eq!(ends(&scene, &distribution, "ada").await, [expected]);
        let reply = reply(&api, &scene, &distribution, "ada").await;
        assert!(reply.starts_with(place), "{reply}");
    }
    assert!(relay.records.is_empty());
    let distribution = publish(&api, "v3", json!({ "desk": "rates", "spins": false })).await;
    assert_eq!(ends(&scene, &distribution, "ada").await, ["succeeded"]);
    assert_eq!(relay.records.taken(), 1);
    assert_eq!(node.terminate().await, Some(0));
}
