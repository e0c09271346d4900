//! From the checked-in `.proto` files to Rust, without `protoc`: messages, services, and their description for
//! reflection.

use std::error::Error;
use std::fs;
use std::path::Path;

use prost::Message;

const FILES: [&str; 4] = [
    "waybill/v1/attributes.proto",
    "waybill/v1/reports.proto",
    "waybill/v1/distributions.proto",
    "waybill/v1/deliveries.proto",
];

/// Messages that are REST's JSON by other means.
const AS_JSON: [&str; 15] = [
    "Description",
    "Artifact",
    "PublishResponse",
    "WithdrawRequest",
    "WithdrawResponse",
    "ListReportsRequest",
    "ListReportsResponse",
    "Report",
    "Column",
    "Distribution",
    "Outcomes",
    "ListDeliveriesRequest",
    "ListDeliveriesResponse",
    "Delivery",
    "GetReportRequest",
];

/// Fields that are an instant.
const INSTANTS: [&str; 12] = [
    "Report.registered_at",
    "Report.changed_at",
    "Report.retired_at",
    "Distribution.received_at",
    "Distribution.deadline",
    "Distribution.withdrawn_at",
    "Distribution.reconciled_at",
    "Delivery.next_attempt_at",
    "Delivery.received_at",
    "Delivery.deadline",
    "Delivery.closed_at",
    "Delivery.bounced_at",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=waybill");
    let described = protox::compile(FILES, ["."])?;
    #[expect(clippy::disallowed_methods, reason = "that is how cargo says where to write")]
    let out = std::env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("descriptors.bin"), described.encode_to_vec())?;
    let mut build = tonic_prost_build::configure().btree_map(".").bytes(".waybill.v1.Piece");
    for message in AS_JSON {
        let path = format!(".waybill.v1.{message}");
        build = build.message_attribute(
            path,
            "#[derive(serde::Serialize, serde::Deserialize)] #[serde(default)]",
        );
    }
    for field in INSTANTS {
        build = build.field_attribute(
            format!(".waybill.v1.{field}"),
            "#[serde(with = \"crate::json::instant\")]",
        );
    }
    build.compile_fds(described)?;
    Ok(())
}
