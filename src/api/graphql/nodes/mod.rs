//! What is read, as GraphQL shows it. A node knows its row and how to ask for its neighbours in bulk; it never runs SQL
//! of its own.

mod decision;
mod delivery;
mod distribution;
mod group;
mod health;
mod log_status;
mod personal;
mod recipient;
mod report;
mod served;
mod subscription;
mod tenant;

pub use decision::{Decision, DecisionFilter};
pub use delivery::{Delivery, DeliveryFilter, DeliverySort};
pub use distribution::{Distribution, DistributionFilter, DistributionSort};
pub use group::{Group, GroupFilter, Member};
pub use health::{ChannelHealth, ChannelHealthFilter};
pub use log_status::LogStatus;
pub use personal::Personal;
pub use recipient::{Address, Entitlement, Recipient, RecipientFilter};
pub use report::{Report, ReportFilter};
pub use served::Served;
pub use subscription::{Subscription, SubscriptionFilter};
pub use tenant::{Tenant, Viewer};
