use proto::v1::{Distribution, GetDistributionRequest, distributions_server};
use tonic::{Request, Response, Status, async_trait};

use super::door::{Door, segment};

pub(super) struct Distributions(pub(super) Door);

#[async_trait]
impl distributions_server::Distributions for Distributions {
    async fn get(
        &self,
        request: Request<GetDistributionRequest>,
    ) -> Result<Response<Distribution>, Status> {
        let id = segment("distribution", &request.get_ref().distribution)?;
        self.0.get(&format!("/v1/distributions/{id}"), request.metadata()).await
    }
}
