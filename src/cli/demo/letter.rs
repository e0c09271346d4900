use anyhow::{Context, Result, ensure};
use reqwest::{Method, header};
use serde_json::{Value, json};

use super::guests::{BOUNCES, LETTER, STAYS, UNSUBSCRIBES, address_of};
use super::say;
use super::stage::Stage;
use crate::boot;
use crate::cli::client::answer;
use crate::cli::output::{table, text_at};

const TIMELINE: &str = "query($id: ID!, $at: Position!) { delivery(id: $id, atLeastPosition: $at) \
     { timeline { position type summary } } }";

/// Publishes an issue of the letter, which has no files; its distribution.
pub async fn publish(stage: &Stage, version: &str) -> Result<String> {
    let said = json!({ "report": LETTER, "version": version });
    let told = stage.client.send(Method::POST, "/v1/reports", &said).await?;
    Ok(text_at(&told, "/distribution"))
}

/// One mail of the letter comes back, and one reader unsubscribes by the link in another.
pub async fn trouble(stage: &Stage) -> Result<bool> {
    let bounced = bounce(stage).await?;
    Ok(unsubscribe(stage).await? && bounced)
}

/// Hands in what a mail server would send back, and shows what the ledger makes of it.
async fn bounce(stage: &Stage) -> Result<bool> {
    let mail = mail_to(stage, BOUNCES).await?;
    let sender = text_at(&mail, "/envelope/from/address");
    let request = stage.client.request(Method::POST, "/v1/mail/returns");
    let request = request.header(header::CONTENT_TYPE, "message/rfc822").body(returned(&sender));
    let told = answer(request.send().await).await?;

    say(&format!("\nThe mail to {BOUNCES} comes back (RFC 3464). The timeline of its delivery"));
    let id = text_at(&told, "/delivery");
    let asked = json!({ "id": id, "at": told["position"] });
    let seen = stage.client.graphql(TIMELINE, asked).await?;
    let events = seen["delivery"]["timeline"].as_array().cloned().unwrap_or_default();
    let cells = events
        .iter()
        .map(|event| ["/position", "/type", "/summary"].map(|path| text_at(event, path)).to_vec());
    say(&table(&["position", "event", "what happened"], cells.collect()).to_string());

    let suppressed = suppression_of(stage, BOUNCES).await?;
    let until = suppressed["until"].as_str().unwrap_or_default();
    let last = events.last().map(|event| text_at(event, "/summary")).unwrap_or_default();
    let holds = told["suppressed"] == "hard_bounce"
        && suppressed["reason"] == "hard_bounce"
        && !until.is_empty()
        && last.contains("came back");
    say(&format!(
        "Its address is suppressed: {}, until {until}: {}",
        text_at(&suppressed, "/reason"),
        if holds { "ON RECORD" } else { "NOT ON RECORD" }
    ));
    Ok(holds)
}

/// As it comes to the envelope's sender, which is the mail's own mark.
fn returned(sender: &str) -> String {
    format!(
        "From: MAILER-DAEMON@mx.letters.example\r\nTo: <{sender}>\r\nSubject: Undelivered Mail\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"=_b\"\r\n\r\n\
         --=_b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.letters.example\r\n\r\n\
         Final-Recipient: rfc822; {to}\r\nAction: failed\r\nStatus: 5.1.1\r\n\
         Diagnostic-Code: smtp; 550 5.1.1 <{to}>: User unknown\r\n\r\n--=_b--\r\n",
        to = address_of(BOUNCES)
    )
}

async fn suppression_of(stage: &Stage, who: &str) -> Result<Value> {
    let asked = stage.client.request(Method::GET, "/v1/suppressions").send().await?;
    let lines = asked.error_for_status()?.text().await?;
    let rows = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    Ok(rows.into_iter().find(|row| row["recipient"] == who).unwrap_or_default())
}

/// Does what a mail program does when its reader unsubscribes: RFC 8058, no key, no question.
async fn unsubscribe(stage: &Stage) -> Result<bool> {
    let mail = mail_to(stage, UNSUBSCRIBES).await?;
    let source = format!("{}/api/email/{}/source", stage.mail_url, text_at(&mail, "/id"));
    let http = reqwest::Client::builder().no_proxy().build()?;
    let source = http.get(source).send().await?.error_for_status()?.text().await?;
    let link = link_of(&source).context("the mail has no List-Unsubscribe")?;
    ensure!(link.starts_with(stage.client_url()), "the mail's link leads elsewhere: {link}");
    let form = [("List-Unsubscribe", "One-Click")];
    let status = http.post(link).form(&form).send().await?.status();
    let head = boot::safe_head(&stage.ledger).await?;
    let path = format!("/v1/subscriptions/{UNSUBSCRIBES}.{LETTER}?at_least_position={head}");
    let state = text_at(&stage.client.get(&path).await?, "/state");
    let holds = status.is_success() && state == "ended";
    say(&format!(
        "\n{UNSUBSCRIBES} unsubscribes by one click on the link in her own mail (POST /u/…, RFC 8058): {status}; \
         the subscription is {state}"
    ));
    Ok(holds)
}

/// The address in a mail's List-Unsubscribe, which may be folded.
fn link_of(source: &str) -> Option<&str> {
    let (_, rest) = source.split_once("List-Unsubscribe:")?;
    let (_, rest) = rest.split_once('<')?;
    rest.split_once('>').map(|(link, _)| link)
}

/// Says whom the letter's next issue went to, and why not to the others.
pub async fn show_next(stage: &Stage, distribution: &str) -> Result<bool> {
    let found = stage.client.get(&format!("/v1/distributions/{distribution}")).await?;
    let [considered, planned, suppressed] =
        ["/considered", "/planned", "/not_planned_by/suppressed_address"]
            .map(|path| found.pointer(path).and_then(Value::as_u64).unwrap_or_default());
    let came = mails_to(stage, STAYS).await?.len();
    let [bounced, left] =
        [mails_to(stage, BOUNCES).await?.len(), mails_to(stage, UNSUBSCRIBES).await?.len()];
    let holds =
        [considered, planned, suppressed] == [2, 1, 1] && [came, bounced, left] == [2, 1, 1];
    say(&format!(
        "The next issue considers {considered} of the 3: not {UNSUBSCRIBES}, whose subscription has ended; \
         {BOUNCES} is not planned ({suppressed} suppressed_address). By the mail sink {STAYS} has {came} issues, \
         {BOUNCES} {bounced}, {UNSUBSCRIBES} {left}: {}",
        if holds { "HONOURED" } else { "NOT HONOURED" }
    ));
    Ok(holds)
}

/// A mail to one of the people by name.
pub async fn mail_to(stage: &Stage, who: &str) -> Result<Value> {
    let mails = mails_to(stage, who).await?;
    mails.into_iter().next().with_context(|| format!("the mail sink has no mail to {who}"))
}

async fn mails_to(stage: &Stage, who: &str) -> Result<Vec<Value>> {
    let url = format!("{}/api/email?to.address={}", stage.mail_url, address_of(who));
    let http = reqwest::Client::builder().no_proxy().build()?;
    Ok(http.get(url).send().await?.error_for_status()?.json().await?)
}

#[cfg(test)]
mod tests {
    use super::link_of;

    #[test]
    fn the_link_is_found_in_a_folded_header_and_not_in_a_mail_without_one() {
        let mail =
            "To: a@b.example\r\nList-Unsubscribe:\r\n <http://127.0.0.1/u/x.y>\r\n\r\nHello\r\n";
        assert_eq!(link_of(mail), Some("http://127.0.0.1/u/x.y"));
        assert_eq!(link_of("To: a@b.example\r\n\r\nHello <b>you</b>\r\n"), None);
    }
}
