use aggregates::planning::{Preview, Previewed};
use chrono::{DateTime, Utc};
use projections::Cursor;
use projections::distributions::DistributionRow;
use schema::{Invalid, RecipientId};
use serde::Serialize;
use utoipa::ToSchema;

/// What a subscription would have led to.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreviewAnswer {
    /// Versions received from then on were looked at.
    pub(super) from: DateTime<Utc>,
    /// Versions received before then were.
    pub(super) to: DateTime<Utc>,
    /// The versions, newest first. The last one goes on in the next part where it is `unfinished`.
    pub(super) rows: Vec<VersionPreview>,
    /// To be given as `after` for the next part; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
    /// How far the log was read: all that is written up to here was seen.
    pub(super) position: i64,
}

/// What would become of a version, if it came in now.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionPreview {
    /// Its distribution.
    distribution: String,
    /// Which report.
    report: String,
    /// Which version.
    version: String,
    /// When it came in.
    received_at: DateTime<Utc>,
    /// Whether it was taken back since, of which the decisions take no notice.
    withdrawn: bool,
    /// The version that took its place, of which the decisions take no notice.
    #[serde(skip_serializing_if = "Option::is_none")]
    corrected_by: Option<String>,
    /// Whether the selector speaks of it. Otherwise nobody is looked at.
    matches: bool,
    /// How many of the recipients told here would get it.
    planned: usize,
    /// How many of those get the same delivery by another subscription already.
    same_delivery: usize,
    /// How many of the recipients told here would not get it.
    not_planned: usize,
    /// Whether the next part goes on with further recipients of it.
    unfinished: bool,
    /// One per recipient, in the order of their ids; a group's members are those of now.
    decisions: Vec<PairPreview>,
}

/// What one recipient would get, or why not.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct PairPreview {
    /// Who.
    recipient: String,
    /// Whether there would be a delivery.
    planned: bool,
    /// On which channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'static str>,
    /// In which format; all files as they were published, when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'static str>,
    /// When, if the version came in now; at once, when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    planned_at: Option<DateTime<Utc>>,
    /// By which rules then: `local_time`, `business_day`, `quiet_hours`, `clock_forward`, `clock_back`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rules: Vec<&'static str>,
    /// Another subscription that leads to the same delivery already.
    #[serde(skip_serializing_if = "Option::is_none")]
    same_delivery: Option<String>,
    /// Why there would be none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "not_entitled")]
    reason: Option<&'static str>,
}

impl VersionPreview {
    pub(super) fn of(row: DistributionRow, preview: Preview) -> Self {
        let unfinished = preview.through.is_some();
        let decisions: Vec<PairPreview> = preview.decisions.into_iter().map(told).collect();
        let count = |is: fn(&PairPreview) -> bool| decisions.iter().filter(|pair| is(pair)).count();
        Self {
            distribution: row.distribution.to_string(),
            report: row.report,
            version: row.version,
            received_at: row.received_at,
            withdrawn: row.withdrawn_at.is_some(),
            corrected_by: row.corrected_by,
            matches: preview.is_match,
            planned: count(|pair| pair.planned),
            same_delivery: count(|pair| pair.same_delivery.is_some()),
            not_planned: count(|pair| !pair.planned),
            unfinished,
            decisions,
        }
    }
}

fn told(previewed: Previewed) -> PairPreview {
    let recipient = previewed.recipient.to_string();
    match previewed.decision {
        Ok(would) => PairPreview {
            recipient,
            planned: true,
            channel: Some(would.channel.as_str()),
            format: would.format.map(schema::Format::as_str),
            planned_at: would.planned.as_ref().map(|planned| planned.due.to_chrono()),
            rules: would
                .planned
                .iter()
                .flat_map(|planned| &planned.rules)
                .map(|r| r.as_str())
                .collect(),
            same_delivery: would.same_delivery.map(|other| other.to_string()),
            reason: None,
        },
        Err(reason) => {
            PairPreview { recipient, reason: Some(reason.as_str()), ..PairPreview::default() }
        }
    }
}

/// Where a part ends: behind a version, or behind one of its recipients. Written `key.tie` or `key.tie.recipient`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The version.
    pub(super) version: Cursor,
    /// The recipient.
    pub(super) recipient: Option<RecipientId>,
}

impl Place {
    pub(super) fn read(text: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid::new("after", text, "must be the `next` of the part before");
        let mut parts = text.splitn(3, '.');
        let (key, tie) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let version = format!("{key}.{tie}").parse().map_err(|_| wrong())?;
        let recipient = parts.next().map(RecipientId::try_new).transpose();
        Ok(Self { version, recipient: recipient.map_err(|_| wrong())? })
    }

    pub(super) fn told(&self) -> String {
        let recipient = self.recipient.iter().map(|id| format!(".{id}")).collect::<String>();
        format!("{}{recipient}", self.version)
    }

    /// Versions behind this one come next; the version itself, too, where its recipients are not all told.
    pub(super) const fn behind(&self) -> Cursor {
        let Cursor { key, tie } = self.version;
        if self.recipient.is_some() {
            Cursor { key, tie: tie.saturating_add(1) }
        } else {
            self.version
        }
    }
}
