//! The whole product as its users meet it: the program as a process, configured by its environment, asked by its
//! public API and its command line, and judged by facts outside of it: SQL over `events`, the other sides' own
//! records, exit codes.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails loudly")]

mod artifact_disk;
mod as_code;
mod bad_input;
mod checks;
mod command_line;
mod compose;
mod configuration;
mod destinations;
mod doctor;
mod frames;
mod immutability;
mod json_output;
mod kafka;
mod kafka_faults;
mod main_path;
mod master_key;
mod metrics;
mod mirror;
mod neighbours_gone;
mod operations;
mod postgres_dies;
mod preview;
mod restore;
mod restored_backup;
mod returned_mail;
mod secrets;
mod several_nodes;
mod sick_destinations;
mod support;
mod traces;
