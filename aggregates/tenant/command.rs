use schema::events::PauseScope;
use schema::{Calendar, CalendarName, Position};

/// What an operator may ask for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Set the tenant up.
    Create {
        /// The organisation's name, for people.
        title: String,
    },
    /// Hold sends back.
    PauseDispatch {
        /// Which.
        scope: PauseScope,
        /// Why.
        reason: String,
    },
    /// Let them go on.
    ResumeDispatch {
        /// Which.
        scope: PauseScope,
    },
    /// Tell a follower to leave out an event it cannot read. To be sent to the tenant `system`.
    SkipEvent {
        /// Which follower.
        follower: String,
        /// The event to leave out.
        position: Position,
        /// Why.
        reason: String,
    },
    /// Go on without what a restored backup lacks. To be sent to the tenant `system`.
    AcceptLoss {
        /// The last event that the log holds.
        head: Position,
        /// The last event that it is known to have held.
        known: Position,
        /// Why.
        reason: String,
    },
    /// Say which days are business days.
    DefineCalendar {
        /// Of which calendar.
        calendar: CalendarName,
        /// What it says, as a whole.
        days: Calendar,
    },
    /// Do without a calendar.
    RemoveCalendar {
        /// Which.
        calendar: CalendarName,
    },
}
