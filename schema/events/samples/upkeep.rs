use std::collections::BTreeSet;

use super::super::{ApiKeyEvent, KeyLimits, PauseScope, Scope, TenantEvent};
use super::{LATER, name, text};
use crate::{ChannelKind, Position};

pub(super) fn tenants() -> Vec<TenantEvent> {
    let scopes = || {
        let destination = name("d1");
        [
            PauseScope::All,
            PauseScope::Channel { channel: ChannelKind::Mail },
            PauseScope::Destination { destination },
        ]
    };
    let mut events = vec![TenantEvent::TenantCreated { title: text("Acme \"Ä\" Ltd.") }];
    let paused = |scope| TenantEvent::DispatchPaused { scope, reason: text("storm") };
    events.extend(scopes().map(paused));
    events.extend(scopes().map(|scope| TenantEvent::DispatchResumed { scope }));
    events.push(TenantEvent::EventSkipped {
        follower: text("projector"),
        position: Position(7),
        reason: text("unreadable"),
    });
    events.push(TenantEvent::LossAccepted {
        head: Position(7),
        known: Position(11),
        reason: text("no mirror"),
    });
    events
}

pub(super) fn api_keys() -> Vec<ApiKeyEvent> {
    let issued = |expires_at| ApiKeyEvent::ApiKeyIssued {
        limits: KeyLimits::default(),
        title: text("ci"),
        secret_hash: text("00ff"),
        scopes: BTreeSet::from(Scope::ALL),
        expires_at,
    };
    vec![issued(None), issued(Some(LATER)), ApiKeyEvent::ApiKeyRevoked { reason: text("leaked") }]
}
