//! Traces by OTLP. A room says with the field `traceparent` to which W3C trace a span of its belongs, and knows no more
//! of it; what is sent of a span is its name, its fields and its times.

mod place;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use opentelemetry::trace::{SpanContext, SpanKind, Status};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SpanData, SpanProcessor};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Subscriber, warn};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use self::place::Place;
use crate::clock::system_time;
use crate::config::TracesConfig;

/// The span's trace and parent, as a W3C traceparent.
const PARENT: &str = "traceparent";
/// The traceparent that went out with what the span is about: from then on the span is the one named there.
const SENT_AS: &str = "traceparent.sent";
/// Whether the trace begins here: then the span is the one that the traceparent names.
const BEGINS: &str = "trace.begins";

/// Sends spans to a collector. Dropped or [ended](Self::end), it sends what it still holds.
#[derive(Clone)]
pub struct Traces {
    processor: Arc<BatchSpanProcessor>,
    scope: InstrumentationScope,
    sample_ratio: f64,
}

impl Traces {
    /// To the collector of the configuration; nothing when it names none.
    ///
    /// # Errors
    /// When the endpoint is no address.
    pub fn start(config: &TracesConfig, node: Option<&str>) -> Result<Option<Self>> {
        let Some(endpoint) = &config.otlp_endpoint else { return Ok(None) };
        let exporter =
            SpanExporter::builder().with_tonic().with_endpoint(endpoint.as_str()).build();
        let exporter = exporter.context("traces.otlp_endpoint")?;
        let node = node.map(|node| KeyValue::new("service.instance.id", node.to_owned()));
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let about = [version].into_iter().chain(node);
        let resource =
            Resource::builder_empty().with_service_name("waybill").with_attributes(about).build();
        let mut processor = BatchSpanProcessor::builder(exporter).build();
        processor.set_resource(&resource);
        let scope = InstrumentationScope::builder("waybill").build();
        Ok(Some(Self { processor: Arc::new(processor), scope, sample_ratio: config.sample_ratio }))
    }

    /// Sends what is still held and ends.
    pub fn end(&self) {
        if let Err(error) = self.processor.shutdown() {
            warn!(%error, "the last spans did not reach the collector: {error}");
        }
    }
}

/// A span that is open and will be sent.
struct Open {
    place: Place,
    began: SystemTime,
    fields: Vec<KeyValue>,
}

impl<S> Layer<S> for Traces
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut seen = Seen::default();
        attributes.record(&mut seen);
        let named = seen.parent.as_deref().and_then(|text| Place::of(text, seen.begins));
        let Some(span) = context.span(id) else { return };
        let enclosing = span.parent().and_then(|parent| {
            let parent = parent.extensions();
            Some(parent.get::<Open>()?.place.below())
        });
        // Of two in the same trace the one around it tells more.
        let is_same = |place: &Place| named.as_ref().is_none_or(|named| named.trace == place.trace);
        if let Some(place) =
            enclosing.filter(is_same).or(named).filter(|place| place.is_sampled(self.sample_ratio))
        {
            let open = Open { place, began: system_time(), fields: seen.fields };
            span.extensions_mut().insert(open);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(open) = span.extensions_mut().get_mut::<Open>() {
            let mut seen = Seen::default();
            values.record(&mut seen);
            open.fields.extend(seen.fields);
            if let Some(sent) = seen.sent_as.as_deref().and_then(|text| Place::of(text, true)) {
                open.place.span = sent.span;
            }
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(Open { place, began, fields }) = span.extensions_mut().remove::<Open>() else {
            return;
        };
        self.processor.on_end(SpanData {
            span_context: SpanContext::from(&place),
            parent_span_id: place.parent,
            parent_span_is_remote: place.is_remote,
            span_kind: SpanKind::Internal,
            name: Cow::Borrowed(span.name()),
            start_time: began,
            end_time: system_time(),
            attributes: fields,
            dropped_attributes_count: 0,
            events: Default::default(),
            links: Default::default(),
            status: Status::Unset,
            instrumentation_scope: self.scope.clone(),
        });
    }
}

/// A span's fields, those that say where it belongs apart.
#[derive(Default)]
struct Seen {
    parent: Option<String>,
    sent_as: Option<String>,
    begins: bool,
    fields: Vec<KeyValue>,
}

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            PARENT => self.parent = Some(value.to_owned()),
            SENT_AS => self.sent_as = Some(value.to_owned()),
            name => self.fields.push(KeyValue::new(name, value.to_owned())),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        match field.name() {
            BEGINS => self.begins = value,
            name => self.fields.push(KeyValue::new(name, value)),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.fields.push(KeyValue::new(field.name(), value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.record_i64(field, i64::try_from(value).unwrap_or(i64::MAX));
    }
}
