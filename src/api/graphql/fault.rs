//! What goes wrong, as GraphQL tells it: a sentence and a stable code in `extensions.code`. What the world said stays
//! here.

use async_graphql::{Error, ErrorExtensionValues, Response, ServerError};
use followers::FollowersError;
use history::HistoryError;
use schema::{Invalid, Position};
use store::{StoreError, UnsealError, VaultError};

use crate::error::{ApiError, Code};

/// Codes of `extensions.code`. Part of the API: they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultCode {
    /// No key, or one that is unknown, wrong, expired or revoked.
    Unauthenticated,
    /// The key may not see this.
    Forbidden,
    /// The query or one of its values breaks a rule.
    BadInput,
    /// There is no such thing, or it is another tenant's.
    NotFound,
    /// The query asks for more than one answer may cost.
    TooComplex,
    /// The read model had not reached the position in time.
    PositionNotReached,
    /// The subscriber fell behind; `extensions.position` is the last one it was given.
    SlowConsumer,
    /// Something Waybill needs is not there. Try again.
    Unavailable,
    /// A defect of Waybill.
    Internal,
}

impl FaultCode {
    /// Its stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::BadInput => "BAD_INPUT",
            Self::NotFound => "NOT_FOUND",
            Self::TooComplex => "TOO_COMPLEX",
            Self::PositionNotReached => "POSITION_NOT_REACHED",
            Self::SlowConsumer => "SLOW_CONSUMER",
            Self::Unavailable => "UNAVAILABLE",
            Self::Internal => "INTERNAL",
        }
    }
}

/// Why a field has no answer. It has no `Display`, so that nothing becomes an error without a code.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What kind.
    pub code: FaultCode,
    /// What happened, for a person.
    pub message: String,
    /// Which argument.
    pub field: Option<String>,
    /// Where a stream stood.
    pub position: Option<Position>,
}

impl Fault {
    /// A fault of this kind.
    pub fn new(code: FaultCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: None, position: None }
    }

    /// A value that breaks a rule.
    pub fn bad_input(message: impl Into<String>) -> Self {
        Self::new(FaultCode::BadInput, message)
    }

    /// More than one answer may cost.
    pub fn too_complex(message: impl Into<String>) -> Self {
        Self::new(FaultCode::TooComplex, message)
    }

    /// No proven caller.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::new(FaultCode::Unauthenticated, "a valid API key is needed")
    }

    /// A defect: logged here, told to nobody.
    #[must_use]
    pub fn internal(what: &str) -> Self {
        tracing::error!("a GraphQL field could not be answered: {what}");
        Self::new(FaultCode::Internal, "Waybill has a defect; its log says more")
    }

    /// The same, told of a stream that stood at `position`.
    #[must_use]
    pub fn at_position(self, position: Position) -> Self {
        Self { position: Some(position), ..self }
    }

    /// Something that is needed is not there: logged here, told to nobody.
    #[must_use]
    pub fn unavailable(what: &str) -> Self {
        tracing::warn!("a GraphQL field could not be answered now: {what}");
        Self::new(FaultCode::Unavailable, "it cannot be answered now; try again")
    }

    /// The same as a server's error, without a place in the query.
    #[must_use]
    pub fn into_server_error(self) -> ServerError {
        let error = Error::from(self);
        let mut told = ServerError::new(error.message, None);
        told.extensions = error.extensions;
        told
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let mut values = ErrorExtensionValues::default();
        values.set("code", fault.code.as_str());
        if let Some(field) = fault.field {
            values.set("field", field);
        }
        if let Some(position) = fault.position {
            values.set("position", position.0);
        }
        Self { message: fault.message, source: None, extensions: Some(values) }
    }
}

impl From<Invalid> for Fault {
    fn from(invalid: Invalid) -> Self {
        Self { field: Some(invalid.field.clone()), ..Self::bad_input(invalid.to_string()) }
    }
}

impl From<ApiError> for Fault {
    fn from(error: ApiError) -> Self {
        let code = match error.code {
            Code::Unauthenticated => FaultCode::Unauthenticated,
            Code::ScopeMissing => FaultCode::Forbidden,
            Code::NotFound => FaultCode::NotFound,
            Code::PositionNotReached => FaultCode::PositionNotReached,
            Code::Unavailable | Code::Overloaded | Code::Timeout | Code::StorageFull => {
                FaultCode::Unavailable
            }
            Code::Internal => FaultCode::Internal,
            Code::Malformed
            | Code::MethodNotAllowed
            | Code::Refused
            | Code::VersionDiffers
            | Code::Stale
            | Code::TooLarge
            | Code::UnsupportedMediaType
            | Code::Invalid
            | Code::DigestMismatch
            | Code::KeyReused => FaultCode::BadInput,
        };
        Self { field: error.field, ..Self::new(code, error.detail) }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Closed | StoreError::Standby => {
                Self::unavailable(&error.to_string())
            }
            _ => Self::internal(&error.to_string()),
        }
    }
}

impl From<HistoryError> for Fault {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Invalid(invalid) => invalid.into(),
            HistoryError::Store(error) => error.into(),
            HistoryError::Unreadable { position, event_type, event_version, .. } => {
                let event = format!("{event_type} version {event_version} at position {position}");
                let told =
                    format!("the event {event} cannot be read by this node: a newer one may");
                Self::new(FaultCode::Unavailable, told)
            }
            HistoryError::Unwritable(_) => Self::internal("a state cannot be written as JSON"),
        }
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        StoreError::from(error).into()
    }
}

impl From<VaultError> for Fault {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Unavailable(_) => Self::unavailable("the vault is away"),
            _ => Self::internal(&error.to_string()),
        }
    }
}

impl From<FollowersError> for Fault {
    fn from(error: FollowersError) -> Self {
        match error {
            FollowersError::Database(error) => error.into(),
            FollowersError::Store(error) => error.into(),
            FollowersError::NotReached(short) => {
                Self::new(FaultCode::PositionNotReached, short.to_string())
            }
            _ => Self::internal(&error.to_string()),
        }
    }
}

impl From<UnsealError> for Fault {
    fn from(error: UnsealError) -> Self {
        match error {
            UnsealError::Vault(error) => error.into(),
            UnsealError::Erased | UnsealError::WrongKey => Self::internal(&error.to_string()),
        }
    }
}

/// The library's own refusals carry no code: limits are told apart by their sentence, all else is bad input.
pub fn code_all(response: &mut Response) {
    for error in &mut response.errors {
        let coded = error.extensions.as_ref().is_some_and(|values| values.get("code").is_some());
        if !coded {
            let code = library_code(&error.message);
            error.extensions.get_or_insert_default().set("code", code.as_str());
            error.source = None;
        }
    }
}

fn library_code(message: &str) -> FaultCode {
    const LIMITS: [&str; 4] = [
        "Query is too complex",
        "Query is nested too deep",
        "The recursion depth of the query",
        "The number of directives",
    ];
    if LIMITS.iter().any(|limit| message.starts_with(limit)) {
        FaultCode::TooComplex
    } else {
        FaultCode::BadInput
    }
}
