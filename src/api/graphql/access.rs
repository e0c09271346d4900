//! Who may see what: one line per type, each of its fields named. A field without a place here is answered to nobody,
//! so one that is added and forgotten is closed, not open.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

use async_graphql::extensions::{
    Extension, ExtensionContext, ExtensionFactory, NextExecute, NextRequest, NextResolve,
    ResolveInfo,
};
use async_graphql::{PathSegment, QueryPathSegment, Response, ServerResult, Value};
use async_trait::async_trait;
use schema::events::Scope::{self, Audit, Read};

use super::fault::{Fault, FaultCode, code_all};
use super::session::Session;
use crate::auth::{Holder, NOT_OWN};

/// Every field there is: type, scope, fields.
#[rustfmt::skip]
pub const FIELDS: &[(&str, Scope, &str)] = &[
    ("Query", Read, "analytics channelHealth decisions deliveries delivery distribution distributions group \
        groupMembers groups inbox inboxCounts logStatus recipient recipients report reports served \
        subscription subscriptions tenant viewer"),
    ("Query", Read, "gates rollups"),
    ("Query", Audit, "asOf difference subscribedAt why"),
    ("LiveUpdates", Read, "deliveryChanged distributionProgress inboxUpdates"),
    ("LiveUpdates", Audit, "events"),

    ("Tenant", Read, "id title createdAt pauses calendars"),
    ("Calendar", Read, "id daysOff datesOff changedBy changedAt position"),
    ("Pause", Read, "scope channel destination reason pausedBy pausedAt position"),
    ("Viewer", Read, "tenant key scopes"),
    ("Report", Read, "id title owner deadlineS registeredAt changedAt retiredAt retireReason columns \
        selfService position sequence"),
    ("ReportColumn", Read, "name kind nullable"),
    ("Recipient", Read, "id kind name locale zone registeredAt changedAt retiredAt retireReason position \
        sequence addresses entitlements groups"),
    ("Group", Read, "id title recipientCount groupCount createdAt changedAt retiredAt retireReason position sequence"),
    ("Member", Read, "group kind member addedBy addedAt position groupNode recipientNode"),
    ("Address", Read, "id channel value destination revision addedAt changedAt retiredAt retireReason position"),
    ("Entitlement", Read, "grant report until grantedBy grantedAt revokedBy revokedAt revokeReason position"),
    ("Personal", Read, "erased"),
    ("Personal", Audit, "text"),
    ("Subscription", Read, "id recipient group optedOut report selector preferences version state pausedUntil reason \
        subscribedAt changedAt changeCount position sequence recipientNode groupNode reportNode"),
    ("Distribution", Read, "id report version digest title attributes artifacts corrects correctedBy \
        receivedAt deadline slices considered planned notPlanned notPlannedByReason planCompleteAt \
        withdrawnAt withdrawReason reconciledAt position lastPosition outcomes resends channels reportNode"),
    ("Artifact", Read, "name format sha256 sizeBytes"),
    ("ReasonCount", Read, "reason count"),
    ("OutcomeSums", Read, "scheduled open attempts delivered accepted deadLettered cancelled expired \
        suppressed bounced firstClosedAt lastClosedAt"),
    ("ChannelOutcomes", Read, "channel resends sums"),
    ("Delivery", Read, "id report version recipient channel destination address subscription \
        subscriptionVersion grant slice format resendOf resend scheduledAt receivedAt deadline state outcome \
        reason attempts node faultClass faultCode nextAttemptAt firstSentAt latencyUs elapsedUs closedAt \
        bouncedAt position lastPosition distribution timeline distributionNode recipientNode reportNode \
        subscriptionNode"),
    ("Served", Read, "delivery recipient channel outcome servedAt bouncedAt resendOf correction correctionDelivery \
        correctedAt position deliveryNode recipientNode"),
    ("TimelineEntry", Read, "position recordedAt sequence type actor attempt summary detail reply"),
    ("TimelineEntry", Audit, "command causation correlation traceparent"),
    ("Decision", Read, "planned reason distribution report version recipient subscription \
        subscriptionVersion grant channel slice readAt decidedAt position delivery deliveryNode \
        subscriptionNode recipientNode"),
    ("ChannelHealth", Read, "channel destination since minutes result attempts elapsedUs answered"),
    ("AnswerTimes", Read, "withinMs count"),
    ("LogStatus", Read, "head readAt followers"),
    ("Follower", Read, "name position lag lagMs eventsApplied eventsPerSecond node isRunning heartbeatAgeMs \
        poisonPosition isWaiting"),

    ("Standing", Audit, "kind id position recordedAt state lastChange"),
    ("LogChange", Audit, "type sequence position recordedAt actor"),
    ("Difference", Audit, "kind id position recordedAt toPosition toRecordedAt fields events"),
    ("FieldDifference", Audit, "field before after isSealed"),
    ("Subscribers", Audit, "report position recordedAt at subscribers nextAfter"),
    ("Subscriber", Audit, "recipient subscription group version state pausedUntil selector grant"),
    ("Why", Audit, "position recordedAt distribution receivedAt sentences decisions unconsidered"),
    ("Unconsidered", Audit, "slice readAt recipient grant subscriptions"),
    ("HeldSubscription", Audit, "subscription group version selects"),

    ("InboxEntry", Read, "delivery recipient distribution report version title severity files resend correctedBy \
        withdrawnAt withdrawReason servedAt contentSha256 readAt acknowledgedAt snoozedUntil \
        onTimeAnswer position lastPosition"),
    ("Gate", Read, "name definition target numerator denominator valueMs verdict excluded"),
    ("ClassCount", Read, "class count"),
    ("Rollup", Read, "key considered planned notPlanned notPlannedByReason open delivered accepted deadLettered \
        cancelled expired suppressed bounced"),
    ("InboxFile", Read, "name format sha256 sizeBytes"),
    ("InboxCounts", Read, "unread info warning critical snoozed"),
    ("InboxUpdate", Read, "position kind entries counts"),

    ("DeliveryChange", Read, "position entry delivery"),
    ("DistributionProgress", Read, "position distribution"),
    ("LogEvent", Audit, "position recordedAt aggregateType aggregateId sequence type version actor payload metadata"),

    ("Analytics", Read, "channelEffectiveness closedDeliveries completeness deliveryPerformance failedAttempts \
        failureClusters patterns"),
    ("Analytics", Audit, "auditTrail sql"),
    ("AuditAnswer", Audit, "position rows isCut"),
    ("SqlAnswer", Audit, "position rows isCut"),
    ("PerformanceAnswer", Read, "position rows isCut"),
    ("EffectivenessAnswer", Read, "position rows isCut"),
    ("PatternAnswer", Read, "position rows isCut"),
    ("FailureClusterAnswer", Read, "position rows isCut"),
    ("CompletenessAnswer", Read, "position rows isCut"),
    ("ClosedDeliveryAnswer", Read, "position rows isCut"),
    ("FailedAttemptAnswer", Read, "position rows isCut"),
    ("AuditRow", Audit, "position recordedAt aggregateType aggregateId sequence eventType eventVersion actor report \
        version recipient channel destination"),
    ("PerformanceRow", Read, "channel report destination hour closed delivered accepted deadLettered cancelled \
        expired suppressed bounced attempts sent p50Us p95Us p99Us maxUs remoteP50Us \
        remoteP95Us remoteP99Us firstPosition lastPosition"),
    ("EffectivenessRow", Read, "channel closed tried delivered accepted bounced reached rate rateLow rateHigh \
        adjustedRate coverage attemptsEach closeP50Us closeP95Us"),
    ("PatternRow", Read, "weekday hour closed succeeded retried p50Us p99Us"),
    ("FailureClusterRow", Read, "faultClass destination hour attempts deliveries deadLettered code codes \
        firstPosition lastPosition"),
    ("CompletenessRow", Read, "distribution report version isPlanned considered planned notPlanned \
        notAttributesDiffer notPaused notNotEntitled notNoAddress notNoFormat \
        notSameDelivery notRecipientRetired notWithdrawn delivered accepted deadLettered \
        cancelled expired suppressed open closes position"),
    ("ClosedDeliveryRow", Read, "delivery distribution report version recipient channel destination subscription \
        subscriptionVersion grantId outcome reason attempts doubts faultClass faultCode receivedAt \
        firstSentAt closedAt latencyUs scheduledPosition position"),
    ("FailedAttemptRow", Read, "delivery distribution report version recipient channel destination attempt \
        result faultClass faultCode next sentAt elapsedUs recordedAt position"),

    ("PageInfo", Read, "hasNextPage hasPreviousPage startCursor endCursor"),
    ("DecisionConnection", Read, "edges pageInfo totalCount"),
    ("DecisionEdge", Read, "cursor node"),
    ("DeliveryConnection", Read, "edges pageInfo totalCount"),
    ("DeliveryEdge", Read, "cursor node"),
    ("DistributionConnection", Read, "edges pageInfo totalCount"),
    ("DistributionEdge", Read, "cursor node"),
    ("InboxEntryConnection", Read, "edges pageInfo totalCount"),
    ("InboxEntryEdge", Read, "cursor node"),
    ("GroupConnection", Read, "edges pageInfo totalCount"),
    ("GroupEdge", Read, "cursor node"),
    ("MemberConnection", Read, "edges pageInfo totalCount"),
    ("MemberEdge", Read, "cursor node"),
    ("ServedConnection", Read, "edges pageInfo totalCount"),
    ("ServedEdge", Read, "cursor node"),
    ("RecipientConnection", Read, "edges pageInfo totalCount"),
    ("RecipientEdge", Read, "cursor node"),
    ("ReportConnection", Read, "edges pageInfo totalCount"),
    ("ReportEdge", Read, "cursor node"),
    ("SubscriptionConnection", Read, "edges pageInfo totalCount"),
    ("SubscriptionEdge", Read, "cursor node"),
];

/// What a recipient that signed in may see: its own inbox, by these fields, with all of these types.
const OWN_FIELDS: [(&str, &str); 3] =
    [("Query", "inbox"), ("Query", "inboxCounts"), ("LiveUpdates", "inboxUpdates")];
const OWN_TYPES: [&str; 7] = [
    "InboxEntry",
    "InboxFile",
    "InboxCounts",
    "InboxUpdate",
    "InboxEntryConnection",
    "InboxEntryEdge",
    "PageInfo",
];

static BY_FIELD: LazyLock<HashMap<(&'static str, &'static str), Scope>> = LazyLock::new(|| {
    let each = |(kind, scope, fields): &(&'static str, Scope, &'static str)| {
        let (kind, scope) = (*kind, *scope);
        fields.split_ascii_whitespace().map(move |field| ((kind, field), scope)).collect::<Vec<_>>()
    };
    FIELDS.iter().flat_map(each).collect()
});

/// The scope a field asks for; `None` when nobody said, so nobody may see it.
#[must_use]
pub fn scope_of(kind: &str, field: &str) -> Option<Scope> {
    let key: (&str, &str) = (kind, field);
    BY_FIELD.get(&key).copied()
}

/// Asks before every field; names the position of every answer; gives every error its code.
pub struct Guard;

impl ExtensionFactory for Guard {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait]
impl Extension for Guard {
    async fn request(&self, ctx: &ExtensionContext<'_>, next: NextRequest<'_>) -> Response {
        let mut response = next.run(ctx).await;
        code_all(&mut response);
        response
    }

    async fn execute(
        &self,
        ctx: &ExtensionContext<'_>,
        operation_name: Option<&str>,
        next: NextExecute<'_>,
    ) -> Response {
        let Some(session) = ctx.data_opt::<Session>() else {
            return Response::from_errors(vec![Fault::unauthenticated().into_server_error()]);
        };
        let answer = session.gate().working(next.run(ctx, operation_name));
        let mut response = match session.within(answer).await {
            Ok(response) => response,
            Err(fault) => Response::from_errors(vec![fault.into_server_error()]),
        };
        response.errors.extend(session.refusals());
        if let Some(position) = session.position() {
            response.extensions.insert("position".to_owned(), Value::from(position.0));
        }
        code_all(&mut response);
        response
    }

    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        let session = ctx.data_opt::<Session>();
        let Err(fault) = allowed(session, &info) else { return next.run(ctx, info).await };
        let mut error = fault.into_server_error();
        error.path = path_of(&info);
        match session {
            // A field that may be null is null, with the error beside the data; others take what is around them along.
            Some(session) if !info.return_type.ends_with('!') => {
                session.refuse(error);
                Ok(None)
            }
            _ => Err(error),
        }
    }
}

fn path_of(info: &ResolveInfo<'_>) -> Vec<PathSegment> {
    let segment = |text: String| match text.parse() {
        Ok(index) => PathSegment::Index(index),
        Err(_) => PathSegment::Field(text),
    };
    info.path_node.to_string_vec().into_iter().map(segment).collect()
}

fn allowed(session: Option<&Session>, info: &ResolveInfo<'_>) -> Result<(), Fault> {
    let session = session.ok_or_else(Fault::unauthenticated)?;
    // An entry of a list: the list itself was asked for before.
    if matches!(info.path_node.segment, QueryPathSegment::Index(_)) {
        return Ok(());
    }
    if info.parent_type.starts_with("__")
        || (info.parent_type == "Query" && info.name.starts_with("__"))
    {
        return Ok(());
    }
    match &session.caller().holder {
        Holder::Key { scopes, .. } => may_see(scopes, info.parent_type, info.name),
        Holder::Recipient(_) if is_own(info.parent_type, info.name) => Ok(()),
        Holder::Recipient(_) => Err(not_own()),
    }
}

/// Whether a field is one of those that recipients see of their own.
#[must_use]
pub fn is_own(kind: &str, field: &str) -> bool {
    let listed = OWN_TYPES.contains(&kind) && scope_of(kind, field).is_some();
    listed || OWN_FIELDS.contains(&(kind, field))
}

/// A recipient asks for more than its own.
#[must_use]
pub fn not_own() -> Fault {
    Fault::new(FaultCode::Forbidden, NOT_OWN)
}

/// Whether a key with these scopes may see a field, wherever it stands in a question.
///
/// # Errors
/// Forbidden: the key lacks the field's scope, or nobody said who may see it.
pub fn may_see(scopes: &BTreeSet<Scope>, kind: &str, field: &str) -> Result<(), Fault> {
    match scope_of(kind, field) {
        Some(scope) if scopes.contains(&scope) => Ok(()),
        Some(scope) => Err(forbidden(scope)),
        None => Err(Fault::new(FaultCode::Forbidden, "no key is allowed to see this field")),
    }
}

/// The key lacks a scope.
#[must_use]
pub fn forbidden(scope: Scope) -> Fault {
    Fault::new(FaultCode::Forbidden, format!("the API key lacks the scope {:?}", scope.as_str()))
}
