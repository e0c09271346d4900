//! Given-when-then over cqrs-es' own test framework, so that what is tested is what runs.

use cqrs_es::test::{AggregateResultValidator, AggregateTestExecutor, TestFramework};

use crate::decider::{Decided, Decider, Fact};

pub(crate) struct Given<D: Decider>(AggregateTestExecutor<Decided<D>>);

pub(crate) struct Then<D: Decider>(AggregateResultValidator<Decided<D>>);

pub(crate) fn given<D: Decider>(events: Vec<D::Event>) -> Given<D> {
    let facts = events.into_iter().map(Fact).collect();
    Given(TestFramework::<Decided<D>>::with(()).given(facts))
}

impl<D: Decider> Given<D> {
    pub(crate) fn when(self, command: D::Command) -> Then<D> {
        Then(self.0.when(command))
    }
}

impl<D: Decider> Then<D>
where
    D::Refusal: PartialEq,
{
    pub(crate) fn then(self, events: Vec<D::Event>) {
        self.0.then_expect_events(events.into_iter().map(Fact).collect());
    }

    pub(crate) fn refused(self, refusal: D::Refusal) {
        self.0.then_expect_error(refusal);
    }
}
