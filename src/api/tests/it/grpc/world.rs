use proto::v1::deliveries_client::DeliveriesClient;
use proto::v1::distributions_client::DistributionsClient;
use proto::v1::publish_request::Part;
use proto::v1::reports_client::ReportsClient;
use proto::v1::{Artifact, Description, Piece, PublishRequest, PublishResponse};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use crate::support::Api;

/// A server, and a caller with a key that may do everything.
pub struct Server {
    pub api: Api,
    pub url: String,
    pub channel: Channel,
    cancel: CancellationToken,
    running: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Server {
    pub async fn start() -> Self {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let api = Api::start().await;
        api.audience().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (cancel, router) = (CancellationToken::new(), api.router.clone());
        let (config, stop) = (api.state.config.clone(), cancel.clone());
        let running =
            tokio::spawn(
                async move { waybill_api::serve(listener, None, router, &config, stop).await },
            );
        let channel = Channel::from_shared(url.clone()).unwrap().connect().await.unwrap();
        Self { api, url, channel, cancel, running }
    }

    pub async fn stop(self) {
        drop(self.channel);
        self.cancel.cancel();
        self.running.await.unwrap().unwrap();
    }

    pub fn reports(&self) -> ReportsClient<Channel> {
        ReportsClient::new(self.channel.clone())
    }

    pub fn distributions(&self) -> DistributionsClient<Channel> {
        DistributionsClient::new(self.channel.clone())
    }

    pub fn deliveries(&self) -> DeliveriesClient<Channel> {
        DeliveriesClient::new(self.channel.clone())
    }

    /// A call with the key.
    pub fn call<T>(&self, message: T) -> Request<T> {
        with(message, &[("authorization", &format!("Bearer {}", self.api.key))])
    }

    pub async fn publish(
        &self,
        parts: Vec<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        self.reports().publish(self.call(tokio_stream::iter(parts))).await
    }
}

pub fn with<T>(message: T, metadata: &[(&'static str, &str)]) -> Request<T> {
    let mut request = Request::new(message);
    for (name, value) in metadata {
        request.metadata_mut().insert(*name, value.parse().unwrap());
    }
    request
}

/// A description of a version of `risk` with files of these names.
pub fn described(version: &str, files: &[&str]) -> Description {
    let file =
        |name: &&str| Artifact { name: (*name).to_owned(), format: "csv".to_owned(), sha256: None };
    Description {
        report: "risk".to_owned(),
        version: version.to_owned(),
        artifacts: files.iter().map(file).collect(),
        ..Description::default()
    }
}

pub fn first(description: Description) -> PublishRequest {
    PublishRequest { part: Some(Part::Description(description)) }
}

pub fn piece(name: &str, content: &str, last: bool) -> PublishRequest {
    let content = content.as_bytes().to_vec().into();
    PublishRequest { part: Some(Part::Piece(Piece { name: name.to_owned(), content, last })) }
}
