use aggregates::distribution::{Command, Distribution, Rules};
use aggregates::planning::version_digest;
use aggregates::report::Report;
use aggregates::{Decider, report};
use render::{CheckError, Facts};
use schema::events::{ReportProfile, ReportVersion};
use schema::{ColumnSpec, Frame, Invalid, LedgerEvent, StreamId};

use super::{MAX_ARTIFACTS, ReceiveReport};
use crate::{Intake, ReceiveError, clock};

impl Intake {
    /// The version as the ledger would take it: well formed, of a report that takes versions, its files there.
    pub(super) async fn checked(
        &self,
        given: &ReceiveReport,
    ) -> Result<ReportVersion, ReceiveError> {
        if given.artifacts.len() > MAX_ARTIFACTS {
            let count = given.artifacts.len().to_string();
            let rule = format!("must be at most {MAX_ARTIFACTS} in number");
            return Err(Invalid::new("artifacts", &count, rule).into());
        }
        let profile = self.profile(given).await?;
        let received_at = clock::now();
        let mut version = ReportVersion {
            report: given.report.clone(),
            version: given.version.clone(),
            digest: version_digest(&given.attributes, &given.artifacts, given.frame.as_deref()),
            title: profile.title.clone(),
            attributes: given.attributes.clone(),
            artifacts: given.artifacts.clone(),
            frame: given.frame.clone().map(unread),
            corrects: given.corrects.clone(),
            received_at,
            deadline: received_at.plus_ms(u64::from(profile.deadline_s) * 1_000),
        };
        // The rules of form are the aggregate's own; asked here, before any disk is touched.
        Rules::decide(&Distribution::Unknown, Command::Receive(Box::new(version.clone())))?;
        self.artifacts_are_there(given).await?;
        if let Some(name) = &given.frame {
            version.frame = Some(self.frame(given, name, &profile.columns).await?);
        }
        Ok(version)
    }

    /// What is known of the version's data frame once it was read to its end and is as its report declares.
    async fn frame(
        &self,
        given: &ReceiveReport,
        name: &str,
        declared: &[ColumnSpec],
    ) -> Result<Frame, ReceiveError> {
        let mut artifacts = given.artifacts.iter().enumerate();
        let Some((at, artifact)) = artifacts.find(|(_, artifact)| artifact.name == *name) else {
            return Err(ReceiveError::Broken(format!("the frame {name:?} is no artifact")));
        };
        let checked = self.near.frames.check(&given.tenant, artifact, declared).await;
        let Facts { rows, columns, longest_text } = checked.map_err(|error| match error {
            CheckError::Invalid(invalid) => {
                let field = format!("artifacts[{at}], {}", invalid.field);
                ReceiveError::Invalid(Invalid { field, ..invalid })
            }
            CheckError::Artifact(error) => error.into(),
        })?;
        Ok(Frame { artifact: name.to_owned(), rows, columns, longest_text })
    }

    /// The report's profile. This node may not have heard of a report that another one registered just now, so
    /// "unknown" is said only by the ledger.
    async fn profile(&self, given: &ReceiveReport) -> Result<ReportProfile, ReceiveError> {
        let known = self.routing().report(&given.tenant, &given.report).cloned();
        if let Some(profile) = known {
            return Ok(profile);
        }
        let stream = StreamId::report(&given.tenant, &given.report);
        let events = self.near.ledger.load_stream(&stream, 0).await?;
        let state = aggregates::fold::<report::Rules>(events.iter().filter_map(|recorded| {
            match &recorded.event {
                LedgerEvent::Report(event) => Some(event),
                _ => None,
            }
        }));
        let report = given.report.clone();
        match state {
            Report::Active(profile) => Ok(profile),
            Report::Unknown => Err(ReceiveError::UnknownReport { report }),
            Report::Retired => Err(ReceiveError::RetiredReport { report }),
        }
    }

    async fn artifacts_are_there(&self, given: &ReceiveReport) -> Result<(), ReceiveError> {
        for (at, artifact) in given.artifacts.iter().enumerate() {
            let sha256 = artifact.sha256;
            let Some(actual) = self.near.artifacts.size(&given.tenant, sha256).await? else {
                let field = format!("artifacts[{at}].sha256");
                return Err(ReceiveError::ArtifactMissing { field, sha256 });
            };
            if actual != artifact.size_bytes {
                let field = format!("artifacts[{at}].size_bytes");
                let given = artifact.size_bytes;
                return Err(ReceiveError::ArtifactSizeDiffers { field, given, actual });
            }
        }
        Ok(())
    }
}

/// A frame of which nothing is known yet but which file holds it.
fn unread(artifact: String) -> Frame {
    Frame { artifact, rows: 0, columns: vec![], longest_text: 0 }
}
