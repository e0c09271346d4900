//! What is said over gRPC: the messages and services of `waybill/v1/*.proto`, as generated code. What they say is what
//! REST says, so each message can be read from and written to REST's JSON.
//!
//! This crate knows no rule and answers no call.

mod json;

/// Messages and services of `waybill.v1`.
pub mod v1 {
    tonic::include_proto!("waybill.v1");
}

/// All of it described (`google.protobuf.FileDescriptorSet`), for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
