//! Whether what a request names is there. The index in memory answers first; what another node has just made is looked
//! up in the log.

use std::sync::PoisonError;

use aggregates::group::{self, Group};
use aggregates::recipient::{self, Recipient};
use aggregates::report::{self, Report};
use aggregates::{tenant, timing};
use schema::{CalendarName, GroupId, Invalid, RecipientId, ReportSelector, StreamId, TenantId};

use crate::carry_out::load;
use crate::error::ApiError;
use crate::state::ApiState;

/// The report named must be registered and not retired.
///
/// # Errors
/// [`Invalid`] naming `field`.
pub async fn report(
    api: &ApiState,
    tenant: &TenantId,
    field: &str,
    selector: &ReportSelector,
) -> Result<(), ApiError> {
    let ReportSelector::Named(name) = selector else { return Ok(()) };
    let indexed = {
        let index = api.routing.read().unwrap_or_else(PoisonError::into_inner);
        index.report(tenant, name).is_some()
    };
    if indexed {
        return Ok(());
    }
    match load::<report::Rules>(api, &StreamId::report(tenant, name)).await?.state {
        Report::Active(_) => Ok(()),
        Report::Unknown | Report::Retired => {
            let rule = "must be a report that is registered and not retired, or *";
            Err(Invalid::new(field, name.as_str(), rule).into())
        }
    }
}

/// The recipient named must be registered and not retired.
///
/// # Errors
/// [`Invalid`] naming `field`.
pub async fn recipient(
    api: &ApiState,
    tenant: &TenantId,
    field: &str,
    id: &RecipientId,
) -> Result<(), ApiError> {
    let indexed = {
        let index = api.routing.read().unwrap_or_else(PoisonError::into_inner);
        matches!(index.recipient(tenant, id), Recipient::Active(_))
    };
    if indexed {
        return Ok(());
    }
    match load::<recipient::Rules>(api, &StreamId::recipient(tenant, id)).await?.state {
        Recipient::Active(_) => Ok(()),
        Recipient::Unknown | Recipient::Retired => {
            let rule = "must be a recipient that is registered and not retired";
            Err(Invalid::new(field, id.as_str(), rule).into())
        }
    }
}

/// The group named must be there and not retired.
///
/// # Errors
/// [`Invalid`] naming `field`.
pub async fn group(
    api: &ApiState,
    tenant: &TenantId,
    field: &str,
    id: &GroupId,
) -> Result<(), ApiError> {
    let indexed = {
        let index = api.routing.read().unwrap_or_else(PoisonError::into_inner);
        matches!(index.group(tenant, id), Group::Active { .. })
    };
    if indexed {
        return Ok(());
    }
    match load::<group::Rules>(api, &StreamId::group(tenant, id)).await?.state {
        Group::Active { .. } => Ok(()),
        Group::Unknown | Group::Retired => {
            let rule = "must be a group that is there and not retired";
            Err(Invalid::new(field, id.as_str(), rule).into())
        }
    }
}

/// The calendar named must be one of the tenant's, or `weekdays`.
///
/// # Errors
/// [`Invalid`] naming `field`.
pub async fn calendar(
    api: &ApiState,
    tenant: &TenantId,
    field: &str,
    name: &CalendarName,
) -> Result<(), ApiError> {
    let indexed = {
        let index = api.routing.read().unwrap_or_else(PoisonError::into_inner);
        timing::known(index.calendars(tenant), name).is_some()
    };
    if indexed {
        return Ok(());
    }
    let found = load::<tenant::Rules>(api, &StreamId::tenant(tenant)).await?.state;
    if found.calendars().is_some_and(|calendars| calendars.contains_key(name)) {
        return Ok(());
    }
    let rule = "must be a calendar that is defined, or weekdays";
    Err(Invalid::new(field, name.as_str(), rule).into())
}
