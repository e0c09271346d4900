use std::collections::BTreeSet;

use schema::{Addressee, GroupId, RecipientId};

use super::{
    Command, Event, Group, MAX_DEPTH, MAX_GROUPS, MAX_RECIPIENTS, Members, Nesting, Refusal, Rules,
};
use crate::decider::Decider;
use crate::form;

impl Decider for Rules {
    type State = Group;
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(group: &Group, command: Command) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::Create { title } => create(group, title),
            Command::Change { title } => change(group, title),
            Command::Settle { add, remove } => settle(group, add, remove),
            Command::AddGroup { group: member, nesting } => add_group(group, member, nesting),
            Command::RemoveGroup { group: member } => remove_group(group, member),
            Command::Retire { reason } => retire(group, reason),
        }
    }

    fn evolve(group: &mut Group, event: &Event) {
        group.evolve(event);
    }
}

fn create(group: &Group, title: String) -> Result<Vec<Event>, Refusal> {
    match group {
        Group::Unknown => {
            form::title(&title)?;
            Ok(vec![Event::GroupCreated { title }])
        }
        Group::Active { title: known, .. } if *known == title => Ok(vec![]),
        Group::Active { title, .. } => Err(Refusal::AlreadyCreated { title: title.clone() }),
        Group::Retired => Err(Refusal::Retired),
    }
}

fn change(group: &Group, title: String) -> Result<Vec<Event>, Refusal> {
    let (known, _) = there(group)?;
    if known == title {
        return Ok(vec![]);
    }
    form::title(&title)?;
    Ok(vec![Event::GroupChanged { title }])
}

fn settle(
    group: &Group,
    add: Vec<RecipientId>,
    remove: Vec<RecipientId>,
) -> Result<Vec<Event>, Refusal> {
    let (_, members) = there(group)?;
    let (add, remove) = (BTreeSet::from_iter(add), BTreeSet::from_iter(remove));
    let leaving: Vec<_> = remove
        .into_iter()
        .filter(|one| members.recipients.contains(one) && !add.contains(one))
        .collect();
    let coming: Vec<_> = add.into_iter().filter(|one| !members.recipients.contains(one)).collect();
    let count = members.recipients.len() + coming.len() - leaving.len();
    if count > MAX_RECIPIENTS && !coming.is_empty() {
        let (what, limit) = ("recipients", MAX_RECIPIENTS);
        return Err(Refusal::TooManyMembers { what, count, limit });
    }
    let member = Addressee::Recipient;
    let removed = leaving.into_iter().map(|one| Event::MemberRemoved { member: member(one) });
    let added = coming.into_iter().map(|one| Event::MemberAdded { member: member(one) });
    Ok(removed.chain(added).collect())
}

fn add_group(group: &Group, member: GroupId, nesting: Nesting) -> Result<Vec<Event>, Refusal> {
    let (_, members) = there(group)?;
    if members.groups.contains(&member) {
        return Ok(vec![]);
    }
    let Nesting { way_back, above, below } = nesting;
    if let Some(last) = way_back.last() {
        let path = std::iter::once(last).chain(&way_back).cloned().collect();
        return Err(Refusal::Cycle { path });
    }
    if above + below > MAX_DEPTH {
        return Err(Refusal::TooDeep { depth: above + below, limit: MAX_DEPTH });
    }
    if members.groups.len() >= MAX_GROUPS {
        let (what, count) = ("groups", members.groups.len() + 1);
        return Err(Refusal::TooManyMembers { what, count, limit: MAX_GROUPS });
    }
    Ok(vec![Event::MemberAdded { member: Addressee::Group(member) }])
}

fn remove_group(group: &Group, member: GroupId) -> Result<Vec<Event>, Refusal> {
    let (_, members) = there(group)?;
    if !members.groups.contains(&member) {
        return Ok(vec![]);
    }
    Ok(vec![Event::MemberRemoved { member: Addressee::Group(member) }])
}

fn retire(group: &Group, reason: String) -> Result<Vec<Event>, Refusal> {
    match group {
        Group::Unknown => Err(Refusal::NotCreated),
        Group::Active { .. } => {
            form::reason(&reason)?;
            Ok(vec![Event::GroupRetired { reason }])
        }
        Group::Retired => Ok(vec![]),
    }
}

fn there(group: &Group) -> Result<(&str, &Members), Refusal> {
    match group {
        Group::Unknown => Err(Refusal::NotCreated),
        Group::Active { title, members } => Ok((title, members)),
        Group::Retired => Err(Refusal::Retired),
    }
}
