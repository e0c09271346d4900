//! Load and sinks: what stands on both sides of Waybill when it is shown, killed or measured. Knows nothing of how
//! Waybill works inside; the demo, the soak and the bench use the same sinks.

pub mod figures;
pub mod rendering;
pub use ::sink;
pub mod soak;
