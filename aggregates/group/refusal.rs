use schema::{GroupId, Invalid};

/// Why a group stays as it is.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// A value breaks a rule of form.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Nobody made a group of this name.
    #[error("the group does not exist")]
    NotCreated,
    /// It is there already, and called something else.
    #[error("the group already exists, as {title:?}; change it instead")]
    AlreadyCreated {
        /// What it is called.
        title: String,
    },
    /// It was retired for good.
    #[error("the group was retired")]
    Retired,
    /// It holds as many as it may.
    #[error("the group would have {count} {what} of its own; at most {limit} are allowed")]
    TooManyMembers {
        /// Of which kind.
        what: &'static str,
        /// How many it would have.
        count: usize,
        /// How many it may.
        limit: usize,
    },
    /// A group would be in itself.
    #[error("the group would be in itself: {}", way(.path))]
    Cycle {
        /// From the group round to itself.
        path: Vec<GroupId>,
    },
    /// Groups would lie in each other too deep.
    #[error("{depth} groups would lie in each other; at most {limit} may")]
    TooDeep {
        /// How many would.
        depth: usize,
        /// How many may.
        limit: usize,
    },
}

fn way(path: &[GroupId]) -> String {
    path.iter().map(GroupId::as_str).collect::<Vec<_>>().join(" holds ")
}
