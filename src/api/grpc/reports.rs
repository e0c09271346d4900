use std::sync::Arc;
use std::time::Duration;

use proto::v1::reports_server::ReportsServer;
use proto::v1::{
    GetReportRequest, ListReportsRequest, ListReportsResponse, PublishRequest, PublishResponse,
    Report, WithdrawRequest, WithdrawResponse, reports_server,
};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::door::{Door, segment};
use super::publish::publish;
use crate::ApiConfig;
use crate::error::{ApiError, Code};

pub(super) struct Reports {
    door: Door,
    places: Arc<Semaphore>,
    longest: Duration,
}

impl Reports {
    pub(super) fn server(door: &Door, config: &ApiConfig) -> ReportsServer<Self> {
        let longest = config.upload_timeout_ms + config.request_timeout_ms;
        ReportsServer::new(Self {
            door: door.clone(),
            places: Arc::new(Semaphore::new(config.request_limit)),
            longest: Duration::from_millis(longest),
        })
    }
}

#[async_trait]
impl reports_server::Reports for Reports {
    async fn publish(
        &self,
        request: Request<Streaming<PublishRequest>>,
    ) -> Result<Response<PublishResponse>, Status> {
        let Ok(_place) = self.places.try_acquire() else {
            return Err(ApiError::new(Code::Overloaded, "nothing was done; try again").into());
        };
        let (metadata, _, stream) = request.into_parts();
        timeout(self.longest, publish(&self.door, &metadata, stream)).await.unwrap_or_else(|_| {
            let detail = format!("it was not complete within {} ms", self.longest.as_millis());
            Err(ApiError::new(Code::Timeout, detail).into())
        })
    }

    async fn withdraw(
        &self,
        request: Request<WithdrawRequest>,
    ) -> Result<Response<WithdrawResponse>, Status> {
        let WithdrawRequest { report, version, reason } = request.get_ref();
        let (report, version) = (segment("report", report)?, segment("version", version)?);
        let path = format!("/v1/reports/{report}/versions/{version}/withdraw");
        self.door.post(&path, &json!({ "reason": reason }), request.metadata()).await
    }

    async fn get(&self, request: Request<GetReportRequest>) -> Result<Response<Report>, Status> {
        let report = segment("report", &request.get_ref().report)?;
        self.door.get(&format!("/v1/reports/{report}"), request.metadata()).await
    }

    async fn list(
        &self,
        request: Request<ListReportsRequest>,
    ) -> Result<Response<ListReportsResponse>, Status> {
        self.door.list("/v1/reports", request.get_ref(), request.metadata()).await
    }
}
