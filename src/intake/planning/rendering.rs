use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aggregates::planning::{SliceRequest, VersionFile, plan_slice, version_files};
use futures::future::join_all;
use schema::events::ReportVersion;
use schema::{Format, Metadata, RecipientId, TenantId};
use store::{PlanningChange, PlanningRow, Unit};
use tokio::time::timeout;
use tracing::warn;

use crate::{Intake, ReceiveError, clock};

/// How long a turn waits for a frame's files. Those that take longer are looked for in a turn of their own, and other
/// plans go on meanwhile.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long after that the plan has its next turn.
const LATER_MS: u64 = 250;

impl Intake {
    /// Has the files rendered that the next slices' deliveries take with them: no attempt begins, no permit and no
    /// lease is taken before they are there. False when that takes longer than a turn may wait. What cannot be
    /// rendered holds up nobody: each attempt tries again and says why it failed.
    pub(super) async fn renders(
        self: &Arc<Self>,
        row: &PlanningRow,
        version: &ReportVersion,
    ) -> Result<bool, ReceiveError> {
        if version.frame.is_none() {
            return Ok(true);
        }
        let (intake, tenant) = (Arc::clone(self), row.tenant.clone());
        let (planned, after) = (version.clone(), row.after.clone());
        let formats =
            tokio::task::spawn_blocking(move || intake.formats(&tenant, &planned, after.as_ref()));
        let formats = formats.await.map_err(|error| ReceiveError::Broken(error.to_string()))?;
        let renders = formats.into_iter().map(|format| self.render(&row.tenant, version, format));
        Ok(timeout(PATIENCE, join_all(renders)).await.is_ok())
    }

    /// The formats in which the deliveries of this turn's slices are planned.
    fn formats(
        &self,
        tenant: &TenantId,
        version: &ReportVersion,
        after: Option<&RecipientId>,
    ) -> BTreeSet<Format> {
        let mut formats = BTreeSet::new();
        let mut after = after.cloned();
        for slice in 0..self.config.turn_slices {
            let after_this = after.as_ref();
            let now = clock::now();
            let request = SliceRequest { tenant, version, slice, after: after_this, now };
            let plan = plan_slice(&self.routing(), &self.near.schedules, request, |_| false);
            formats.extend(plan.deliveries.iter().filter_map(|(_, plan)| plan.format));
            after = plan.slice.through;
            if after.is_none() {
                break;
            }
        }
        formats
    }

    async fn render(&self, tenant: &TenantId, version: &ReportVersion, format: Format) {
        for file in version_files(version, Some(format)) {
            let VersionFile::Rendered { frame, source, format } = file else { continue };
            let rendered = self.near.frames.render(tenant, source, frame, format).await;
            if let Err(error) = rendered {
                let (report, version) = (&version.report, &version.version);
                warn!(%error, "version {version} of {report} cannot be had as {format}: {error}");
            }
        }
    }

    /// Gives the plan its next turn a little later.
    pub(super) async fn put_off(&self, row: PlanningRow) -> Result<(), ReceiveError> {
        let mut unit = Unit::new(Metadata::new(row.tenant.clone(), self.actor.clone()));
        unit.planning.push(PlanningChange::Put { row, lease_ms: LATER_MS });
        self.near.ledger.append(unit).await?;
        Ok(())
    }
}
