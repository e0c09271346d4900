use schema::{GroupId, RecipientId};

/// How a group that is to be a member stands to the others, as far as was known when it was asked for.
///
/// Two nodes may make each other's group a member at the same moment: neither knows of the other's. So what is planned
/// does not rely on it: groups are gone through once each, whatever they say of each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nesting {
    /// From the member to the group it is to be in, if there is a way: it would be in itself.
    pub way_back: Vec<GroupId>,
    /// Groups from the outermost that holds the group, itself counted.
    pub above: usize,
    /// Groups down to the innermost that the member holds, itself counted.
    pub below: usize,
}

/// What may be asked of a group.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Make it.
    Create {
        /// Its name for people.
        title: String,
    },
    /// Call it something else.
    Change {
        /// Its name for people.
        title: String,
    },
    /// Have recipients belong to it and others no more, in one go. Those named in both are members afterwards.
    Settle {
        /// Who is to belong to it.
        add: Vec<RecipientId>,
        /// Who is not.
        remove: Vec<RecipientId>,
    },
    /// Have whoever belongs to another group belong to it.
    AddGroup {
        /// The other group.
        group: GroupId,
        /// How they stand to each other.
        nesting: Nesting,
    },
    /// Have them no more.
    RemoveGroup {
        /// The other group.
        group: GroupId,
    },
    /// Have nobody get anything by it any more, for good.
    Retire {
        /// Why.
        reason: String,
    },
}
