use schema::Addressee;
use schema::events::GroupEvent;

pub(super) fn of(event: &GroupEvent) -> String {
    match event {
        GroupEvent::GroupCreated { title } => format!("group {title:?} created"),
        GroupEvent::GroupChanged { title } => format!("called {title:?} from now on"),
        GroupEvent::MemberAdded { member } => match member {
            Addressee::Recipient(recipient) => format!("{recipient} became a member"),
            Addressee::Group(group) => format!("members of group {group} became members"),
        },
        GroupEvent::MemberRemoved { member } => match member {
            Addressee::Recipient(recipient) => format!("{recipient} is no member any more"),
            Addressee::Group(group) => format!("members of group {group} are none any more"),
        },
        GroupEvent::GroupRetired { reason } => {
            format!("retired, nobody gets anything by it any more: {reason}")
        }
    }
}
