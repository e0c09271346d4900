use std::collections::BTreeMap;

use intake::{MAX_ARTIFACTS, ReceiveReport};
use schema::events::ArtifactRef;
use schema::{AttributeValue, Invalid, ReportName, Sha256, VersionName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::change::Change;
use crate::error::ApiError;
use crate::rest::plain::PlainValue;
use crate::rest::words::FormatWord;
use crate::state::ApiState;

/// A finished report.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishBody {
    /// Which report; it must be registered.
    #[schema(example = "market-risk-daily")]
    report: String,
    /// Which version. The same one again, with the same content, changes nothing.
    #[schema(example = "2026-11-23")]
    version: String,
    /// What it says of itself, for matching and templates: at most 32 names.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, PlainValue>)]
    attributes: BTreeMap<String, AttributeValue>,
    /// The version this one corrects: what of that is not yet sent stays unsent.
    #[serde(default)]
    corrects: Option<String>,
    /// Its files, at most 16.
    #[serde(default)]
    artifacts: Vec<ArtifactBody>,
    /// Name of the artifact, CSV or Parquet, that is the version's data frame: it is checked against the columns that
    /// the report declares, and rendered as CSV, XLSX or Parquet for those whose subscription prefers that.
    #[serde(default)]
    #[schema(example = "risk.csv")]
    frame: Option<String>,
}

/// A file of a version.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ArtifactBody {
    /// File name, without path; in multipart also the name of the part that brings its bytes.
    #[schema(example = "risk.pdf")]
    name: String,
    /// What kind of file.
    format: FormatWord,
    /// SHA-256 of its bytes, 64 hexadecimal digits: checked against the part, or naming one uploaded before.
    #[serde(default)]
    sha256: Option<String>,
}

/// A finished report with its files, in multipart/form-data: the part `report` first, then one part per file, named as
/// the artifact it brings.
#[derive(ToSchema)]
#[expect(dead_code, reason = "tells the description what the parts are")]
pub struct PublishParts {
    /// The report, as JSON.
    report: PublishBody,
    /// The file `risk.pdf`; one such part for each artifact whose bytes are sent.
    #[schema(value_type = String, format = Binary)]
    #[schema(rename = "risk.pdf")]
    file: Vec<u8>,
}

/// The answer to a publication.
#[derive(Debug, Serialize, ToSchema)]
pub struct PublishAnswer {
    /// The run that plans and delivers it.
    distribution: String,
    /// Which report.
    report: String,
    /// Which version.
    version: String,
    /// SHA-256 over attributes and artifacts.
    digest: String,
    /// Whether it was there already: then nothing new happened.
    repeated: bool,
    /// The position from which it can be read.
    position: i64,
}

/// A publication being read.
pub(super) struct Submission {
    report: ReportName,
    version: VersionName,
    corrects: Option<VersionName>,
    attributes: BTreeMap<String, AttributeValue>,
    artifacts: Vec<Expected>,
    frame: Option<String>,
    /// What tells this request from another one: the description, then the digest of each file.
    pub(super) said: Vec<u8>,
}

struct Expected {
    name: String,
    format: schema::Format,
    sha256: Option<Sha256>,
    size_bytes: Option<u64>,
}

impl Submission {
    pub(super) fn read(body: PublishBody, said: &[u8]) -> Result<Self, ApiError> {
        if body.artifacts.len() > MAX_ARTIFACTS {
            let rule = format!("must be at most {MAX_ARTIFACTS} in number");
            let count = body.artifacts.len().to_string();
            return Err(Invalid::new("artifacts", &count, rule).into());
        }
        let within = |invalid: Invalid, at| invalid.within(&format!("artifacts[{at}]"));
        let read = |(at, artifact): (usize, ArtifactBody)| {
            let sha256 = artifact.sha256.as_deref().map(str::parse).transpose();
            Ok::<_, Invalid>(Expected {
                name: artifact.name,
                format: artifact.format.read().map_err(|invalid| within(invalid, at))?,
                sha256: sha256.map_err(|invalid| within(invalid, at))?,
                size_bytes: None,
            })
        };
        let named = |invalid: Invalid| Invalid { field: "corrects".to_owned(), ..invalid };
        Ok(Self {
            report: ReportName::try_new(body.report)?,
            version: VersionName::try_new(body.version)?,
            corrects: body.corrects.map(VersionName::try_new).transpose().map_err(named)?,
            attributes: body.attributes,
            artifacts: body
                .artifacts
                .into_iter()
                .enumerate()
                .map(read)
                .collect::<Result<_, _>>()?,
            frame: body.frame,
            said: said.to_vec(),
        })
    }

    /// The digest announced for the part `name`.
    ///
    /// # Errors
    /// When no artifact of this name waits for its bytes.
    pub(super) fn awaits(&self, name: &str) -> Result<Option<Sha256>, ApiError> {
        let found = self.artifacts.iter().find(|artifact| artifact.name == name);
        match found {
            Some(artifact) if artifact.size_bytes.is_none() => Ok(artifact.sha256),
            Some(_) => Err(Invalid::new("part", name, "must not come twice").into()),
            None => Err(Invalid::new("part", name, "must be named in `artifacts`").into()),
        }
    }

    pub(super) fn arrived(&mut self, name: &str, stored: artifacts::Stored) {
        if let Some(artifact) = self.artifacts.iter_mut().find(|artifact| artifact.name == name) {
            artifact.sha256 = Some(stored.sha256);
            artifact.size_bytes = Some(stored.size_bytes);
            self.said.extend_from_slice(stored.sha256.as_bytes());
        }
    }

    pub(super) const fn names(&self) -> (&ReportName, &VersionName) {
        (&self.report, &self.version)
    }

    /// The command, once every file is known to be there.
    ///
    /// # Errors
    /// [`Invalid`] naming the artifact whose bytes nobody sent.
    pub(super) async fn into_command(
        self,
        api: &ApiState,
        change: &Change,
    ) -> Result<ReceiveReport, ApiError> {
        let mut artifacts = Vec::with_capacity(self.artifacts.len());
        for (at, artifact) in self.artifacts.into_iter().enumerate() {
            artifacts.push(artifact.found(api, change, at).await?);
        }
        Ok(ReceiveReport {
            tenant: change.caller.tenant.clone(),
            report: self.report,
            version: self.version,
            attributes: self.attributes,
            artifacts,
            frame: self.frame,
            corrects: self.corrects,
            actor: change.caller.actor(),
            command: None,
            precondition: change.if_match.precondition(),
            causation: None,
            traceparent: Some(change.traceparent.clone()),
        })
    }
}

impl Expected {
    async fn found(
        self,
        api: &ApiState,
        change: &Change,
        at: usize,
    ) -> Result<ArtifactRef, ApiError> {
        let field = format!("artifacts[{at}].sha256");
        let Some(sha256) = self.sha256 else {
            let rule = "must be given, or a part of the artifact's name must bring its bytes";
            return Err(Invalid::new(field, "", rule).into());
        };
        let size_bytes = match self.size_bytes {
            Some(size_bytes) => size_bytes,
            None => {
                let known = api.artifacts.size(&change.caller.tenant, sha256).await?;
                let rule = "must name an artifact uploaded before, or a part must bring its bytes";
                known.ok_or_else(|| Invalid::new(field, &sha256.to_string(), rule))?
            }
        };
        Ok(ArtifactRef { name: self.name, format: self.format, sha256, size_bytes })
    }
}
