use super::{ApiKey, Command, Event, IssuedKey, Refusal, Rules};
use crate::decider::Decider;
use crate::form;

impl Decider for Rules {
    type State = ApiKey;
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(key: &ApiKey, command: Command) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::Issue(wanted) => issue(key, wanted),
            Command::Revoke { reason } => revoke(key, reason),
        }
    }

    fn evolve(key: &mut ApiKey, event: &Event) {
        key.evolve(event);
    }
}

fn issue(key: &ApiKey, wanted: IssuedKey) -> Result<Vec<Event>, Refusal> {
    match key {
        ApiKey::Unknown => {}
        ApiKey::Issued(known) if *known == wanted => return Ok(vec![]),
        ApiKey::Issued(known) => {
            return Err(Refusal::AlreadyIssued { title: known.title.clone() });
        }
        ApiKey::Revoked => return Err(Refusal::Revoked),
    }
    form::title(&wanted.title)?;
    form::opaque("secret_hash", &wanted.secret_hash)?;
    if wanted.scopes.is_empty() {
        return Err(Refusal::NoScopes);
    }
    form::key_limits(&wanted.limits)?;
    let IssuedKey { title, secret_hash, scopes, expires_at, limits } = wanted;
    Ok(vec![Event::ApiKeyIssued { title, secret_hash, scopes, expires_at, limits }])
}

fn revoke(key: &ApiKey, reason: String) -> Result<Vec<Event>, Refusal> {
    match key {
        ApiKey::Unknown => Err(Refusal::NotIssued),
        ApiKey::Issued(_) => {
            form::reason(&reason)?;
            Ok(vec![Event::ApiKeyRevoked { reason }])
        }
        ApiKey::Revoked => Ok(vec![]),
    }
}
