use std::sync::Arc;
use std::time::{Duration, Instant};

use aggregates::delivery::{AttemptEnd, AttemptResult, Command};
use channels::Channel;
use rand::Rng;
use schema::events::DeliveryPlan;
use schema::{
    ChannelError, ChannelKind, ClearReceipt, FailureClass, Fault, Parcel, Receipt, Sealed,
    SendResult, SendStage, Timestamp,
};
use tracing::field::Empty;
use tracing::{Instrument, Span, info_span, warn};

use crate::clock::now;
use crate::prepare::{Prepared, Unsent, prepare};
use crate::record::record;
use crate::start::Send;
use crate::{Dispatcher, figures};

/// What is known of a send when it is over.
struct Sent {
    sent_at: Option<Timestamp>,
    elapsed_us: Option<u64>,
    result: SendResult,
}

/// Carries one started attempt to its recorded end.
pub(crate) async fn carry_out(dispatcher: Arc<Dispatcher>, mut send: Send) {
    let (id, attempt) = (send.carried.delivery, send.carried.state.attempt_count());
    let span = info_span!(
        "attempt", traceparent = send.carried.traceparent, traceparent.sent = Empty,
        delivery.id = %id, attempt, channel = Empty, result = Empty
    );
    async {
        let Some(plan) = send.carried.state.plan().cloned() else {
            return warn!("delivery {id} was handed over without a plan");
        };
        let command = match attempted(&dispatcher, &send, &plan).await {
            Ok(sent) => {
                send.permit.answered();
                Command::EndAttempt(end(&dispatcher, &send, &plan, sent).await)
            }
            Err(command) => command,
        };
        record(&dispatcher, send.carried, command).await;
        drop(send.permit);
    }
    .instrument(span)
    .await;
}

/// Prepares and sends. An error closes the delivery before anything has left.
async fn attempted(
    dispatcher: &Dispatcher,
    send: &Send,
    plan: &DeliveryPlan,
) -> Result<Sent, Command> {
    let unsent = |error| Sent { sent_at: None, elapsed_us: None, result: Err(error) };
    let Some(channel) = dispatcher.channels.get(&plan.channel) else {
        let error = ChannelError::not_sent(FailureClass::Config, "channel.not_configured");
        return Ok(unsent(error));
    };
    let Prepared { parcel, version } = match prepare(dispatcher, send, plan, now()).await {
        Ok(prepared) => prepared,
        Err(Unsent::Closed(command)) => return Err(*command),
        Err(Unsent::Failed(error)) => return Ok(unsent(error)),
    };
    let longest = dispatcher.longest_send(plan.channel);
    let lease = Duration::from_millis(dispatcher.lease_ms_of(plan.channel));
    if lease.saturating_sub(send.leased_at.elapsed()) < longest {
        // Whoever finds the lease ended would send again while this send may still be under way.
        let error = ChannelError::not_sent(FailureClass::Transient, "dispatch.lease_too_short");
        return Ok(unsent(error));
    }
    let sent_at = now();
    let span = Span::current();
    span.record("channel", plan.channel.as_str());
    if plan.channel == ChannelKind::Webhook
        && let Some(traceparent) = &parcel.traceparent
    {
        // The receiver's spans are then below this one. A mail's is the same on every attempt.
        span.record("traceparent.sent", traceparent.as_str());
    }
    if parcel.attempt == 1 && plan.planned.is_none() {
        figures::first_on_wire(plan.channel, version.recorded_at, sent_at);
    }
    let started = Instant::now();
    let result = within(channel.as_ref(), &parcel, longest).await;
    let elapsed_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    figures::sent(plan.channel, result_name(&result), elapsed_us);
    span.record("result", result_name(&result));
    let left = !matches!(&result, Err(error) if error.stage == SendStage::NotSent);
    Ok(Sent { sent_at: left.then_some(sent_at), elapsed_us: left.then_some(elapsed_us), result })
}

async fn within(channel: &dyn Channel, parcel: &Parcel, longest: Duration) -> SendResult {
    tokio::time::timeout(longest, channel.send(parcel))
        .await
        .unwrap_or_else(|_| Err(ChannelError::in_doubt("dispatch.timeout")))
}

fn result_name(result: &SendResult) -> &'static str {
    match result {
        Ok(_) => "succeeded",
        Err(error) => error.class.as_str(),
    }
}

/// The end as it is recorded: replies sealed under the recipient's key.
async fn end(dispatcher: &Dispatcher, send: &Send, plan: &DeliveryPlan, sent: Sent) -> AttemptEnd {
    let Sent { sent_at, elapsed_us, result } = sent;
    let result = match result {
        Ok(ClearReceipt { proof, status, content_sha256, content_bytes, reply }) => {
            let reply = seal(dispatcher, send, plan, reply).await;
            let receipt = Receipt { proof, status, content_sha256, content_bytes, reply };
            AttemptResult::Succeeded(receipt)
        }
        Err(error) if error.stage == SendStage::MayHaveArrived => {
            AttemptResult::InDoubt { code: error.code }
        }
        Err(ChannelError { class, code, reply, retry_after_ms, .. }) => {
            let reply = seal(dispatcher, send, plan, reply).await;
            AttemptResult::Failed(Fault { class, code, reply, retry_after_ms })
        }
    };
    AttemptEnd {
        attempt: send.carried.state.attempt_count(),
        sent_at,
        elapsed_us,
        result,
        now: now(),
        draw: rand::rng().random(),
    }
}

/// A reply that cannot be sealed is let go: what it answered to is worth more.
async fn seal(
    dispatcher: &Dispatcher,
    send: &Send,
    plan: &DeliveryPlan,
    reply: Option<String>,
) -> Option<Sealed> {
    let reply = reply.filter(|reply| !reply.is_empty())?;
    let place = format!("{}#reply", send.carried.stream());
    let tenant = &send.carried.tenant;
    match dispatcher.vault.seal(tenant, &plan.recipient, &place, &reply).await {
        Ok(sealed) => Some(sealed),
        Err(error) => {
            warn!(%error, "a reply is recorded without its text: {error}");
            None
        }
    }
}
