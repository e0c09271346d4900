//! The words for what other rooms refuse, and for what the world does not do. Statuses are chosen in `error`.

use artifacts::ArtifactError;
use intake::ReceiveError;
use render::{CheckError, RenderError};
use store::{AppendError, StoreError, UnsealError, VaultError};
use tracing::error;

use crate::error::{ApiError, Code};
use crate::extract::over;
use crate::walls::OrderError;

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Closed => {
                error!(%error, "a request could not reach the ledger");
                Self::new(
                    Code::Unavailable,
                    "the ledger cannot be reached; nothing was acknowledged",
                )
            }
            StoreError::Codec(schema::CodecError::Nul { .. }) => {
                schema::Invalid::new("body", "", "must not contain NUL").into()
            }
            _ => {
                error!(%error, "the ledger refused a request");
                Self::new(Code::Internal, "the ledger refused; the log says why")
            }
        }
    }
}

impl From<AppendError> for ApiError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Store(error) => error.into(),
            AppendError::Conflict { .. } => Self::new(Code::Overloaded, error.to_string()),
            AppendError::CommandSeen { .. } => {
                Self::new(Code::KeyReused, "the same request is being carried out now")
            }
            AppendError::Rejected(_) | AppendError::TooLarge { .. } => {
                error!(%error, "the ledger rejected a unit");
                Self::new(Code::Internal, "the ledger rejected the change; the log says why")
            }
        }
    }
}

impl From<VaultError> for ApiError {
    fn from(error: VaultError) -> Self {
        error!(%error, "a request could not use the vault");
        Self::new(Code::Unavailable, "the keys of personal data cannot be reached")
    }
}

impl From<OrderError> for ApiError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::NotFound(delivery) => Self::not_found("delivery", &delivery.to_string()),
            OrderError::Stale(stale) => stale.into(),
            OrderError::Refused(refusal) => refusal.into(),
            OrderError::Append(error) => error.into(),
            OrderError::Damaged(_) => {
                error!(%error, "a delivery could not be read or written");
                Self::new(Code::Internal, "the delivery could not be read; the log says why")
            }
        }
    }
}

impl From<ReceiveError> for ApiError {
    fn from(error: ReceiveError) -> Self {
        let (said, rule) = (error.to_string(), error.reason());
        let field = error.field().map(str::to_owned);
        let named = |code, value: String, rule: &str| Self {
            code,
            detail: said.clone(),
            field: field.clone(),
            value: Some(value),
            rule: Some(rule.to_owned()),
        };
        match error {
            ReceiveError::Invalid(invalid) => invalid.into(),
            ReceiveError::Stale(stale) => stale.into(),
            ReceiveError::UnknownReport { report } => {
                named(Code::Invalid, report.to_string(), "must be a registered report")
            }
            ReceiveError::RetiredReport { report } => {
                named(Code::Invalid, report.to_string(), "must be a report that is not retired")
            }
            ReceiveError::UnknownVersion { field: "version", version, .. } => {
                Self::not_found("version", version.as_str())
            }
            ReceiveError::UnknownVersion { version, .. } => {
                named(Code::Invalid, version.to_string(), "must be a version that was received")
            }
            ReceiveError::ArtifactMissing { sha256, .. } => {
                named(Code::Invalid, sha256.to_string(), "must name an artifact uploaded before")
            }
            ReceiveError::ArtifactSizeDiffers { given, actual, .. } => {
                let rule = format!("must be the artifact's size, {actual}");
                named(Code::Invalid, given.to_string(), &rule)
            }
            ReceiveError::Refused(refusal) => Self { field, ..refusal.into() },
            ReceiveError::CommandSeen { .. } | ReceiveError::Contended { .. } => {
                Self { rule: Some(rule.to_owned()), ..Self::new(Code::Overloaded, said) }
            }
            ReceiveError::Unplannable(_)
            | ReceiveError::Unwritable(_)
            | ReceiveError::Broken(_) => {
                error!(%error, "a version could not be planned");
                Self::new(Code::Internal, "the version could not be planned; the log says why")
            }
            ReceiveError::Artifact(error) => error.into(),
            ReceiveError::Append(error) => error.into(),
        }
    }
}

impl From<UnsealError> for ApiError {
    fn from(error: UnsealError) -> Self {
        match error {
            UnsealError::Vault(error) => error.into(),
            UnsealError::Erased => Self::new(Code::NotFound, "the data was erased"),
            UnsealError::WrongKey => {
                error!(%error, "sealed data does not belong where it stands");
                Self::new(Code::Internal, error.to_string())
            }
        }
    }
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        error!(%error, "a read model could not be read");
        match error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => {
                Self::new(Code::Unavailable, "the read models cannot be reached")
            }
            _ => Self::new(Code::Internal, "a read model could not be read; the log says why"),
        }
    }
}

macro_rules! refusals {
    ($($room:ident { $($rule:literal => $pattern:pat),+ $(,)? })+) => {
        $(impl From<aggregates::$room::Refusal> for ApiError {
            fn from(refusal: aggregates::$room::Refusal) -> Self {
                use aggregates::$room::Refusal;
                let rule = match &refusal {
                    Refusal::Invalid(invalid) => return invalid.clone().into(),
                    $($pattern => $rule,)+
                };
                Self::refused(rule, refusal.to_string())
            }
        })+
    };
}

refusals! {
    report {
        "report_not_registered" => Refusal::NotRegistered,
        "report_already_registered" => Refusal::AlreadyRegistered { .. },
        "report_retired" => Refusal::Retired,
    }
    recipient {
        "recipient_not_registered" => Refusal::NotRegistered,
        "recipient_already_registered" => Refusal::AlreadyRegistered,
        "recipient_retired" => Refusal::Retired,
        "address_taken" => Refusal::AddressTaken { .. },
        "no_such_address" => Refusal::NoSuchAddress { .. },
        "too_many_addresses" => Refusal::TooManyAddresses { .. },
        "too_many_address_names" => Refusal::TooManyAddressNames { .. },
        "not_a_webhook" => Refusal::NotAWebhook { .. },
        "too_many_headers" => Refusal::TooManyHeaders { .. },
        "no_such_grant" => Refusal::NoSuchGrant { .. },
        "too_many_grants" => Refusal::TooManyGrants { .. },
    }
    group {
        "group_not_created" => Refusal::NotCreated,
        "group_already_created" => Refusal::AlreadyCreated { .. },
        "group_retired" => Refusal::Retired,
        "too_many_members" => Refusal::TooManyMembers { .. },
        "group_cycle" => Refusal::Cycle { .. },
        "groups_too_deep" => Refusal::TooDeep { .. },
    }
    subscription {
        "not_subscribed" => Refusal::NotSubscribed,
        "already_subscribed" => Refusal::AlreadySubscribed { .. },
        "subscription_ended" => Refusal::Ended { .. },
        "recipient_differs" => Refusal::SubscriberDiffers { .. },
        "not_of_group" => Refusal::NotOfGroup { .. },
        "pause_in_past" => Refusal::PauseInPast { .. },
    }
    tenant {
        "tenant_not_created" => Refusal::NotCreated,
        "tenant_already_created" => Refusal::AlreadyCreated { .. },
        "too_many_pauses" => Refusal::TooManyPauses { .. },
        "nothing_lost" => Refusal::NothingLost { .. },
        "too_many_calendars" => Refusal::TooManyCalendars { .. },
    }
    api_key {
        "key_without_scopes" => Refusal::NoScopes,
        "key_already_issued" => Refusal::AlreadyIssued { .. },
        "key_not_issued" => Refusal::NotIssued,
        "key_revoked" => Refusal::Revoked,
    }
    distribution {
        "digest_wrong" => Refusal::DigestWrong { .. },
        "version_differs" => Refusal::DigestDiffers { .. },
        "deadline_not_after_receipt" => Refusal::DeadlineNotAfterReceipt { .. },
        "corrects_itself" => Refusal::CorrectsItself { .. },
        "already_corrected" => Refusal::AlreadyCorrected { .. },
        "version_not_received" => Refusal::NotReceived,
        "plan_complete" => Refusal::PlanComplete { .. },
        "slice_out_of_order" => Refusal::SliceOutOfOrder { .. },
        "range_not_growing" => Refusal::RangeNotGrowing { .. },
        "slice_sums_differ" => Refusal::SliceSumsDiffer { .. },
        "plan_open" => Refusal::PlanOpen { .. },
        "outcomes_differ" => Refusal::OutcomesDiffer { .. },
        "already_reconciled" => Refusal::AlreadyReconciled,
    }
    delivery {
        "delivery_not_scheduled" => Refusal::NotScheduled,
        "delivery_already_scheduled" => Refusal::AlreadyScheduled,
        "deadline_not_after_receipt" => Refusal::DeadlineNotAfterReceipt { .. },
        "delivery_closed" => Refusal::Closed { .. },
        "attempt_under_way" => Refusal::AttemptUnderWay { .. },
        "delivery_held" => Refusal::Held { .. },
        "attempts_exhausted" => Refusal::AttemptsExhausted { .. },
        "deadline_passed" => Refusal::DeadlinePassed { .. },
        "deadline_not_reached" => Refusal::DeadlineNotReached { .. },
        "no_such_attempt" => Refusal::NoSuchAttempt { .. },
        "not_in_doubt" => Refusal::NotInDoubt { .. },
        "first_attempt_begun" => Refusal::AlreadyBegun,
        "delivery_open" => Refusal::NotClosed,
        "not_accepted" => Refusal::NotAccepted { .. },
        "never_sent" => Refusal::NeverSent,
        "not_the_original" => Refusal::NotTheOriginal { .. },
        "resend_out_of_order" => Refusal::ResendOutOfOrder { .. },
        "not_in_inbox" => Refusal::NotInInbox { .. },
        "not_served" => Refusal::NotServed { .. },
        "snooze_over" => Refusal::SnoozeOver { .. },
        "snooze_too_long" => Refusal::SnoozeTooLong { .. },
    }
}

/// Of a file that was rendered before, and has to be made again.
impl From<RenderError> for ApiError {
    fn from(error: RenderError) -> Self {
        match error {
            RenderError::Artifact(error) | RenderError::Frame(CheckError::Artifact(error)) => {
                error.into()
            }
            RenderError::Frame(CheckError::Invalid(_))
            | RenderError::TooLarge { .. }
            | RenderError::Unwritable(_) => {
                error!(%error, "a file cannot be rendered again: {error}");
                Self::new(Code::Internal, error.to_string())
            }
        }
    }
}

impl From<ArtifactError> for ApiError {
    fn from(error: ArtifactError) -> Self {
        let said = error.to_string();
        let invalid =
            |value: &str, rule: String| schema::Invalid::new("artifact", value, rule).into();
        match error {
            ArtifactError::Empty => invalid("0 bytes", "must have at least one byte".to_owned()),
            ArtifactError::TooLarge { limit_bytes } => {
                let (value, rule) = over(limit_bytes);
                Self::named(Code::TooLarge, schema::Invalid::new("artifact", &value, rule))
            }
            ArtifactError::DigestDiffers { expected, actual } => Self {
                value: Some(actual.to_string()),
                rule: Some(format!("must be the announced {expected}")),
                ..Self::new(Code::DigestMismatch, said).at("sha256")
            },
            ArtifactError::Interrupted(_) => {
                let rule = "must be sent to its end";
                let invalid = schema::Invalid::new("artifact", "broken off", rule);
                Self::named(Code::Malformed, invalid)
            }
            ArtifactError::NotFound { sha256 } => Self::not_found("artifact", &sha256.to_string()),
            ArtifactError::DiskFull => {
                error!("the artifact disk is full");
                Self::new(Code::StorageFull, "the artifact disk is full; nothing was kept")
            }
            ArtifactError::Damaged { .. } => {
                error!(%error, "an artifact is damaged");
                Self::new(Code::Internal, said)
            }
            ArtifactError::Disk(_) => {
                error!(%error, "the artifact disk failed");
                Self::new(Code::Unavailable, "the artifact disk failed; nothing was kept")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use aggregates::{delivery, distribution, recipient};
    use schema::{Sha256, VersionName};

    use super::*;

    fn status(error: impl Into<ApiError>) -> u16 {
        error.into().code.status().as_u16()
    }

    #[test]
    fn a_full_disk_is_told_from_a_broken_one_and_neither_is_the_callers_fault() {
        assert_eq!(status(ArtifactError::DiskFull), 507);
        assert_eq!(status(ArtifactError::Disk(std::io::Error::other("gone"))), 503);
        assert_eq!(status(ArtifactError::Damaged { sha256: Sha256::of(b"") }), 500);
    }

    #[test]
    fn a_ledger_that_is_away_asks_to_come_again() {
        assert_eq!(status(StoreError::Closed), 503);
        assert_eq!(
            status(AppendError::Store(StoreError::Unavailable(sqlx::Error::PoolTimedOut))),
            503
        );
        assert_eq!(status(VaultError::Unavailable(sqlx::Error::PoolTimedOut)), 503);
        assert_eq!(status(sqlx::Error::PoolTimedOut), 503);
        assert_eq!(status(sqlx::Error::RowNotFound), 500);
    }

    #[test]
    fn what_is_missing_is_told_from_what_is_refused() {
        assert_eq!(status(recipient::Refusal::NotRegistered), 404);
        assert_eq!(status(recipient::Refusal::Retired), 409);
        assert_eq!(status(delivery::Refusal::NotClosed), 409);
        let invalid = schema::Invalid::new("title", "", "must have 1 to 200 bytes");
        assert_eq!(status(recipient::Refusal::Invalid(invalid)), 422);
    }

    #[test]
    fn a_refusal_carries_the_stable_name_of_its_rule() {
        let corrects = VersionName::try_new("v1")
            .map(|version| distribution::Refusal::CorrectsItself { version });
        let error = corrects.map(|refusal| ApiError::from(ReceiveError::from(refusal)));
        let told = error.map(|error| (error.code, error.rule, error.field));
        let expected =
            (Code::Refused, Some("corrects_itself".to_owned()), Some("corrects".to_owned()));
        assert_eq!(told, Ok(expected));
    }
}
