use proto::v1::{
    Delivery, GetDeliveryRequest, ListDeliveriesRequest, ListDeliveriesResponse, deliveries_server,
};
use tonic::{Request, Response, Status, async_trait};

use super::door::{Door, segment};

pub(super) struct Deliveries(pub(super) Door);

#[async_trait]
impl deliveries_server::Deliveries for Deliveries {
    async fn get(
        &self,
        request: Request<GetDeliveryRequest>,
    ) -> Result<Response<Delivery>, Status> {
        let id = segment("delivery", &request.get_ref().delivery)?;
        self.0.get(&format!("/v1/deliveries/{id}"), request.metadata()).await
    }

    async fn list(
        &self,
        request: Request<ListDeliveriesRequest>,
    ) -> Result<Response<ListDeliveriesResponse>, Status> {
        self.0.list("/v1/deliveries", request.get_ref(), request.metadata()).await
    }
}
