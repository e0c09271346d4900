use schema::events::ReportProfile;

/// What a publisher may ask for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Make the report known.
    Register(ReportProfile),
    /// Replace what is known of it, as a whole.
    Change(ReportProfile),
    /// Take no further versions, for good.
    Retire {
        /// Why.
        reason: String,
    },
}
