//! What a document may ask for, measured before anything walks it: the library visits a fragment as often as it is
//! spread, so thirty fragments that each spread the next one twice would be a billion visits.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::extensions::{
    Extension, ExtensionContext, ExtensionFactory, NextPrepareRequest,
};
use async_graphql::parser::parse_query;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Name, Request, ServerResult};
use async_trait::async_trait;

use super::fault::Fault;
use super::limits::{
    MAX_ALIASES, MAX_BRACKETS, MAX_DEFINITIONS, MAX_NESTING, MAX_QUERY_BYTES, MAX_ROOT_FIELDS,
    MAX_SELECTIONS,
};
use super::nul;

/// Refuses documents that are over budget.
pub struct Budget;

impl ExtensionFactory for Budget {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait]
impl Extension for Budget {
    async fn prepare_request(
        &self,
        ctx: &ExtensionContext<'_>,
        mut request: Request,
        next: NextPrepareRequest<'_>,
    ) -> ServerResult<Request> {
        check_text(&request.query).map_err(Fault::into_server_error)?;
        let document = parse_query(&request.query)?;
        check(&document).map_err(Fault::into_server_error)?;
        nul::check(&document, &request.variables).map_err(Fault::into_server_error)?;
        request.set_parsed_query(document);
        next.run(ctx, request).await
    }
}

/// What the parser must not even see: it recurses as deep as brackets do.
fn check_text(query: &str) -> Result<(), Fault> {
    limit("bytes", query.len(), MAX_QUERY_BYTES)?;
    let mut rest = query;
    let (mut depth, mut deepest) = (0_usize, 0);
    while let Some(first) = rest.chars().next() {
        match first {
            '#' => rest = after(rest, &["\n", "\r"], 1),
            '"' if rest.starts_with("\"\"\"") => rest = after(rest, &["\"\"\""], 3),
            '"' => rest = after(rest, &["\"", "\n", "\r"], 1),
            _ => {
                match first {
                    '{' | '[' | '(' => depth += 1,
                    '}' | ']' | ')' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                deepest = deepest.max(depth);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    limit("brackets inside each other", deepest, MAX_BRACKETS)
}

/// What follows the first of `ends` that no backslash escapes, looked for from `start`.
fn after<'t>(text: &'t str, ends: &[&str], start: usize) -> &'t str {
    let mut rest = text.get(start..).unwrap_or_default();
    while let Some(first) = rest.chars().next() {
        if let Some(end) = ends.iter().find(|end| rest.starts_with(**end)) {
            return &rest[end.len()..];
        }
        rest = &rest[first.len_utf8()..];
        if first == '\\' {
            let escaped = rest.chars().next().map_or(0, char::len_utf8);
            rest = &rest[escaped..];
        }
    }
    rest
}

/// Whether a document is within budget.
fn check(document: &ExecutableDocument) -> Result<(), Fault> {
    let operations = document.operations.iter().count();
    limit("operations and fragments", operations + document.fragments.len(), MAX_DEFINITIONS)?;
    let mut walk = Walk { document, sizes: HashMap::new() };
    let mut total = Size::default();
    for (_, operation) in document.operations.iter() {
        let set = &operation.node.selection_set.node;
        let size = walk.size(set, 0)?;
        limit("fields at the root", size.top, MAX_ROOT_FIELDS)?;
        total = total.plus(size);
    }
    limit("selections", total.selections, MAX_SELECTIONS)?;
    limit("aliases", total.aliases, MAX_ALIASES)
}

fn limit(what: &str, count: usize, most: usize) -> Result<(), Fault> {
    if count > most {
        return Err(Fault::too_complex(format!(
            "the query has {count} {what}, at most {most} are allowed"
        )));
    }
    Ok(())
}

/// What a selection set comes to, fragments counted as often as they are spread.
#[derive(Clone, Copy, Default)]
struct Size {
    selections: usize,
    aliases: usize,
    top: usize,
}

impl Size {
    const fn plus(self, other: Self) -> Self {
        Self {
            selections: self.selections.saturating_add(other.selections),
            aliases: self.aliases.saturating_add(other.aliases),
            top: self.top.saturating_add(other.top),
        }
    }
}

struct Walk<'d> {
    document: &'d ExecutableDocument,
    /// Fragments already measured; `None` while one is being measured, so that a cycle ends.
    sizes: HashMap<Name, Option<Size>>,
}

impl Walk<'_> {
    fn size(&mut self, set: &SelectionSet, depth: usize) -> Result<Size, Fault> {
        limit("levels of nesting", depth, MAX_NESTING)?;
        let mut sum = Size::default();
        for selection in &set.items {
            let one = match &selection.node {
                Selection::Field(field) => {
                    let inner = self.size(&field.node.selection_set.node, depth + 1)?;
                    let alias = usize::from(field.node.alias.is_some());
                    Size { selections: 1, aliases: alias, top: 1 }.plus(Size { top: 0, ..inner })
                }
                Selection::InlineFragment(inline) => {
                    self.size(&inline.node.selection_set.node, depth + 1)?
                }
                Selection::FragmentSpread(spread) => {
                    self.fragment(&spread.node.fragment_name.node, depth + 1)?
                }
            };
            sum = sum.plus(one);
        }
        Ok(sum)
    }

    /// A fragment's size is looked up the second time. Its depth is checked where it is first spread; deeper places are
    /// caught by the library's own limit, whose walk is bounded once sizes are.
    fn fragment(&mut self, name: &Name, depth: usize) -> Result<Size, Fault> {
        if let Some(known) = self.sizes.get(name) {
            let cycle = || Fault::bad_input(format!("the fragment {name:?} contains itself"));
            return known.ok_or_else(cycle);
        }
        let Some(fragment) = self.document.fragments.get(name) else {
            return Ok(Size::default());
        };
        self.sizes.insert(name.clone(), None);
        let size = self.size(&fragment.node.selection_set.node, depth)?;
        self.sizes.insert(name.clone(), Some(size));
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use super::super::fault::FaultCode;
    use super::{check, check_text};

    fn verdict(query: &str) -> Result<(), FaultCode> {
        check(&async_graphql::parser::parse_query(query).unwrap()).map_err(|fault| fault.code)
    }

    #[test]
    fn an_ordinary_query_passes() {
        let query =
            "query($id: ID!) { delivery(id: $id) { id ...F } } fragment F on Delivery { state }";
        assert_eq!(verdict(query), Ok(()));
    }

    #[test]
    fn fragments_that_double_each_other_are_measured_without_being_walked() {
        let mut query = "{ ...f0 }".to_owned();
        for n in 0..20 {
            query.push_str(&format!(" fragment f{n} on Query {{ ...f{0} ...f{0} }}", n + 1));
        }
        query.push_str(" fragment f20 on Query { tenant { id } }");
        assert_eq!(verdict(&query), Err(FaultCode::TooComplex));
    }

    #[test]
    fn a_fragment_that_contains_itself_is_bad_input() {
        let query = "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }";
        assert_eq!(verdict(query), Err(FaultCode::BadInput));
    }

    #[test]
    fn aliases_and_root_fields_are_counted() {
        let aliases: String = (0..31).map(|n| format!("a{n}: id ")).collect();
        assert_eq!(verdict(&format!("{{ tenant {{ {aliases} }} }}")), Err(FaultCode::TooComplex));
        assert_eq!(
            verdict(&format!("{{ {} }}", "tenant { id } ".repeat(21))),
            Err(FaultCode::TooComplex)
        );
        assert_eq!(verdict(&format!("{{ {} }}", "tenant { id } ".repeat(20))), Ok(()));
    }

    #[test]
    fn brackets_are_counted_outside_of_texts_and_comments_only() {
        let deep = "[".repeat(100);
        let code = |query: &str| check_text(query).map_err(|fault| fault.code);
        assert_eq!(code(&format!("{{ a(b: {deep}")), Err(FaultCode::TooComplex));
        assert_eq!(code(&format!("{{ a(b: \"{deep}\") }} # {deep}")), Ok(()));
        assert_eq!(code(&format!("{{ a(b: \"\"\"x\"y\"\"\" {deep}")), Err(FaultCode::TooComplex));
        assert_eq!(code(&format!("{{ a(b: \"\\\"\" {deep}")), Err(FaultCode::TooComplex));
        assert_eq!(code(&format!("# }}}} \n {deep}")), Err(FaultCode::TooComplex));
        assert_eq!(code(&"x".repeat(40_000)), Err(FaultCode::TooComplex));
    }

    #[test]
    fn nesting_is_bounded_before_the_stack_is() {
        let query = format!("{}{}", "{ a ".repeat(30), "} ".repeat(30));
        assert_eq!(verdict(&query), Err(FaultCode::TooComplex));
    }
}
