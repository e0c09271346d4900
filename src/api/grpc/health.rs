use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, stream};
use proto::v1::deliveries_server::DeliveriesServer;
use proto::v1::distributions_server::DistributionsServer;
use proto::v1::reports_server::ReportsServer;
use tokio::time::sleep;
use tonic::server::NamedService;
use tonic::{Request, Response, Status, async_trait};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_server};

use super::deliveries::Deliveries;
use super::distributions::Distributions;
use super::door::Door;
use super::reports::Reports;
use crate::error::ApiError;

/// How often a watcher's answer is looked at again.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Services whose health can be asked for; the empty name is the server's. They share what they need, so they are
/// well together.
const KNOWN: [&str; 4] = [
    "",
    <ReportsServer<Reports> as NamedService>::NAME,
    <DistributionsServer<Distributions> as NamedService>::NAME,
    <DeliveriesServer<Deliveries> as NamedService>::NAME,
];

/// What `/readyz` says, by the gRPC health checking protocol.
pub(super) struct Health(pub(super) Door);

async fn standing(door: &Door) -> ServingStatus {
    if door.is_well("/readyz").await { ServingStatus::Serving } else { ServingStatus::NotServing }
}

fn told(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

#[async_trait]
impl health_server::Health for Health {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let service = &request.get_ref().service;
        if !KNOWN.contains(&service.as_str()) {
            return Err(ApiError::not_found("service", service).into());
        }
        Ok(Response::new(told(standing(&self.0).await)))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    /// Now, and whenever it changes. An unknown service stays unknown, as the protocol asks.
    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let is_known = KNOWN.contains(&request.get_ref().service.as_str());
        let start = (self.0.clone(), None);
        let changes = stream::unfold(start, move |(door, last)| async move {
            loop {
                let now = match is_known {
                    true => standing(&door).await,
                    false => ServingStatus::ServiceUnknown,
                };
                if last != Some(now) {
                    return Some((Ok(told(now)), (door, Some(now))));
                }
                sleep(LOOK_EVERY).await;
            }
        });
        Ok(Response::new(Box::pin(changes)))
    }
}
