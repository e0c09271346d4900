//! Words of the domain as texts of the API, with all of their values in its description.

use std::borrow::Cow;
use std::str::FromStr;

use projections::distributions::rollups::RollupBy;
use schema::events::{OnTimeAnswer, RecipientKind, Resolution, Scope};
use schema::{ChannelKind, Format, Invalid, Severity, WebhookPayload, WebhookSigning};
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

fn one_of(values: &[&'static str]) -> RefOr<Schema> {
    let text = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String));
    RefOr::T(Schema::Object(text.enum_values(Some(values.iter().copied())).build()))
}

macro_rules! word {
    ($(#[$doc:meta])* $name:ident($field:literal) of $domain:ty, $values:expr, $read:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// What it means.
            ///
            /// # Errors
            /// [`Invalid`] listing the words there are.
            pub fn read(&self) -> Result<$domain, Invalid> {
                let read: fn(&str) -> Option<$domain> = $read;
                read(&self.0).ok_or_else(|| {
                    let rule = format!("must be one of {}", $values.join(", "));
                    Invalid::new($field, &self.0, rule)
                })
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                one_of(&$values)
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    };
}

word!(
    /// How a report reaches a recipient.
    ChannelWord("channel") of ChannelKind,
    ChannelKind::ALL.map(ChannelKind::as_str),
    |text| ChannelKind::from_str(text).ok()
);
word!(
    /// How much of a version a webhook is sent.
    WebhookPayloadWord("payload") of WebhookPayload,
    WebhookPayload::ALL.map(WebhookPayload::as_str),
    |text| WebhookPayload::ALL.into_iter().find(|payload| payload.as_str() == text)
);
word!(
    /// How a webhook is signed.
    WebhookSigningWord("signing") of WebhookSigning,
    WebhookSigning::ALL.map(WebhookSigning::as_str),
    |text| WebhookSigning::ALL.into_iter().find(|signing| signing.as_str() == text)
);
word!(
    /// What kind of file an artifact is.
    FormatWord("format") of Format,
    Format::ALL.map(Format::as_str),
    |text| Format::from_str(text).ok()
);
word!(
    /// How much an entry of an inbox matters.
    SeverityWord("severity") of Severity,
    Severity::ALL.map(Severity::as_str),
    |text| Severity::from_str(text).ok()
);
word!(
    /// What a key may do.
    ScopeWord("scopes") of Scope,
    Scope::ALL.map(Scope::as_str),
    |text| Scope::ALL.into_iter().find(|scope| scope.as_str() == text)
);
word!(
    /// What kind of recipient it is.
    RecipientKindWord("kind") of RecipientKind,
    ["person", "team", "system"],
    |text| match text {
        "person" => Some(RecipientKind::Person),
        "team" => Some(RecipientKind::Team),
        "system" => Some(RecipientKind::System),
        _ => None,
    }
);
word!(
    /// What a person found out about an attempt in doubt.
    ResolutionWord("resolution") of Resolution,
    ["arrived", "not_arrived"],
    |text| match text {
        "arrived" => Some(Resolution::Arrived),
        "not_arrived" => Some(Resolution::NotArrived),
        _ => None,
    }
);
word!(
    /// What sums are made for each of.
    RollupByWord("by") of RollupBy,
    RollupBy::ALL.map(RollupBy::as_str),
    |text| RollupBy::ALL.into_iter().find(|by| by.as_str() == text)
);
word!(
    /// What a recipient says of when it came.
    OnTimeAnswerWord("answer") of OnTimeAnswer,
    OnTimeAnswer::ALL.map(OnTimeAnswer::as_str),
    OnTimeAnswer::named
);
