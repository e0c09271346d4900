//! gRPC on the same port: each call becomes the REST request that it stands for, and goes through the same layers and
//! handlers. So keys, scopes, limits, Idempotency-Keys and refusals are one and the same.
//!
//! This room knows no rule, not even who may call what.

mod deliveries;
mod distributions;
mod door;
mod health;
mod publish;
mod reports;
mod status;
mod upload;

use axum::Router;
use proto::v1::deliveries_server::DeliveriesServer;
use proto::v1::distributions_server::DistributionsServer;
use proto::v1::reports_server::ReportsServer;
use tonic::server::NamedService;
use tonic_health::pb::health_server::HealthServer;
use tonic_reflection::server::{Builder, Error};
use tracing::error;

use crate::ApiConfig;
use deliveries::Deliveries;
use distributions::Distributions;
use door::Door;
use health::Health;
use reports::Reports;

/// REST, and gRPC over it.
pub(crate) fn over(rest: Router, config: &ApiConfig) -> Router {
    let door = Door::new(rest.clone());
    let router = Router::new()
        .route_service(&path_of::<ReportsServer<Reports>>(), Reports::server(&door, config))
        .route_service(
            &path_of::<DistributionsServer<Distributions>>(),
            DistributionsServer::new(Distributions(door.clone())),
        )
        .route_service(
            &path_of::<DeliveriesServer<Deliveries>>(),
            DeliveriesServer::new(Deliveries(door.clone())),
        )
        .route_service(&path_of::<HealthServer<Health>>(), HealthServer::new(Health(door)));
    reflecting(router).fallback_service(rest)
}

fn path_of<S: NamedService>() -> String {
    format!("/{}/{{method}}", S::NAME)
}

/// The services described to whoever asks (grpc.reflection), in the version of today and the one most tools ask for.
fn reflecting(router: Router) -> Router {
    let builder = || {
        Builder::configure()
            .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let built = || Ok::<_, Error>((builder().build_v1()?, builder().build_v1alpha()?));
    match built() {
        Ok((v1, v1alpha)) => router
            .route_service("/grpc.reflection.v1.ServerReflection/{method}", v1)
            .route_service("/grpc.reflection.v1alpha.ServerReflection/{method}", v1alpha),
        Err(error) => {
            error!(%error, "the gRPC services are served without their description: {error}");
            router
        }
    }
}
