//! U+0000 in an argument: no text that Postgres keeps holds it, so nothing could be found, and a filter would fail
//! there instead of here.

use std::convert::Infallible;

use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Value, Variables};

use super::fault::Fault;

/// Refuses a document or variables with U+0000 in a text, whichever field or variable it is meant for.
pub(super) fn check(document: &ExecutableDocument, variables: &Variables) -> Result<(), Fault> {
    for (name, value) in variables.iter() {
        if holds_one(value) {
            return Err(refusal(&format!("variable {name}")));
        }
    }
    let sets = document.operations.iter().map(|(_, operation)| &operation.node.selection_set);
    let fragments = document.fragments.values().map(|fragment| &fragment.node.selection_set);
    sets.chain(fragments).try_for_each(|set| selections(&set.node))
}

fn selections(set: &SelectionSet) -> Result<(), Fault> {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => {
                for (name, value) in &field.node.arguments {
                    let place = value.pos;
                    // Variables are looked at on their own.
                    let literal =
                        value.node.clone().into_const_with(|_| Ok::<_, Infallible>(Value::Null));
                    if literal.is_ok_and(|literal| holds_one(&literal)) {
                        return Err(refusal(&format!("argument {} at {place}", name.node)));
                    }
                }
                selections(&field.node.selection_set.node)?;
            }
            Selection::InlineFragment(inline) => selections(&inline.node.selection_set.node)?,
            Selection::FragmentSpread(_) => {}
        }
    }
    Ok(())
}

fn refusal(place: &str) -> Fault {
    Fault::bad_input(format!("{place} must hold no U+0000"))
}

fn holds_one(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::List(values) => values.iter().any(holds_one),
        Value::Object(fields) => fields.values().any(holds_one),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use async_graphql::parser::parse_query;
    use async_graphql::{Variables, value};

    use super::super::fault::Fault;
    use super::check;

    fn verdict(query: &str, variables: &Variables) -> Result<(), Fault> {
        check(&parse_query(query).unwrap(), variables)
    }

    #[test]
    fn a_nul_is_refused_wherever_it_hides_and_told_by_its_place() {
        let refused = [
            r#"{ group(id: "a\u0000") { id } }"#,
            r#"{ deliveries(filter: { reports: ["a", "\u0000"] }) { totalCount } }"#,
            r#"{ ...f } fragment f on Query { tenant { x(y: "\u0000") } }"#,
            r#"{ ... on Query { group(id: "\u0000") { id } } }"#,
        ];
        for query in refused {
            let fault = verdict(query, &Variables::default()).unwrap_err();
            assert!(fault.message.contains("must hold no U+0000"), "{query}: {}", fault.message);
            assert!(fault.message.starts_with("argument "), "{query}: {}", fault.message);
        }
        let query = "query($id: ID!) { group(id: $id) { id } }";
        let variables = Variables::from_value(value!({ "id": ["\u{0}"] }));
        let fault = verdict(query, &variables).unwrap_err();
        assert_eq!(fault.message, "variable id must hold no U+0000");
    }

    #[test]
    fn other_texts_pass() {
        let query = r#"query($id: ID!) { group(id: $id) { id } report(name: "\u0001") { title } }"#;
        assert_eq!(verdict(query, &Variables::from_value(value!({ "id": "a" }))), Ok(()));
    }
}
