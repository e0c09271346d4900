use std::collections::BTreeSet;

use prost::Message;
use prost_types::{FieldDescriptorProto, FileDescriptorSet};

/// What REST's answers are in gRPC.
const SAME: [(&str, &str); 8] = [
    ("PublishAnswer", "PublishResponse"),
    ("ReportView", "Report"),
    ("DistributionView", "Distribution"),
    ("OutcomesView", "Outcomes"),
    ("DeliveryView", "Delivery"),
    ("ArtifactBody", "Artifact"),
    ("ColumnBody", "Column"),
    ("PublishBody", "Description"),
];

#[test]
fn a_field_of_rests_answer_is_a_field_of_the_message_and_the_reverse() {
    let described = FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap();
    let messages: Vec<_> = described.file.iter().flat_map(|file| &file.message_type).collect();
    let document = waybill_api::openapi();
    for (view, message) in SAME {
        let schema = &document["components"]["schemas"][view]["properties"];
        let of_rest: BTreeSet<_> = schema.as_object().unwrap().keys().map(String::as_str).collect();
        let message = messages.iter().find(|known| known.name() == message).unwrap();
        let of_grpc: BTreeSet<_> = message.field.iter().map(FieldDescriptorProto::name).collect();
        assert_eq!(of_grpc, of_rest, "{view}");
    }
}
