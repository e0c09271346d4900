use schema::{Position, Sha256};

/// Windows the log is compared by, at most: what is kept in memory.
const WINDOWS: i64 = 4_096;
/// Positions of a window, at least.
const SHORTEST: i64 = 256;

/// How many events stand in each window of positions, and the sum of their hashes: equal whatever their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sums {
    width: i64,
    windows: Vec<Sum>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    count: u64,
    halves: [u128; 2],
}

impl Sums {
    /// Of a log up to `through`.
    pub(super) fn through(through: Position) -> Self {
        let width = through.0.div_euclid(WINDOWS).max(SHORTEST - 1) + 1;
        let count = usize::try_from(through.0.div_euclid(width)).unwrap_or_default() + 1;
        Self { width, windows: vec![Sum::default(); count] }
    }

    pub(super) fn add(&mut self, position: Position, hash: &Sha256) {
        let at = usize::try_from(position.0.div_euclid(self.width)).ok();
        let Some(sum) = at.and_then(|at| self.windows.get_mut(at)) else { return };
        sum.count += 1;
        let (first, second) = hash.as_bytes().split_at(16);
        for (half, bytes) in sum.halves.iter_mut().zip([first, second]) {
            let number = bytes.iter().fold(0, |number, byte| number << 8 | u128::from(*byte));
            *half = half.wrapping_add(number);
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.windows.iter().map(|sum| sum.count).sum()
    }

    /// The windows that are not the same, each as `first..behind_last`.
    pub(super) fn differing(&self, other: &Self) -> Vec<std::ops::Range<i64>> {
        let both = (0_i64..).zip(self.windows.iter().zip(&other.windows));
        both.filter(|(_, (one, other))| one != other)
            .map(|(at, _)| at * self.width..(at + 1) * self.width)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_found_in_its_window_and_order_is_none() {
        let hash = |of: i64| Sha256::of(&of.to_be_bytes());
        let (mut one, mut other) = (Sums::through(Position(1_000)), Sums::through(Position(1_000)));
        for position in 1..=1_000 {
            one.add(Position(position), &hash(position));
            let back = 1_001 - position;
            other.add(Position(back), &hash(if back == 300 { 0 } else { back }));
        }
        assert_eq!(one.differing(&one), vec![]);
        assert_eq!(one.differing(&other), vec![256..512]);
        other.add(Position(1_000), &hash(1_000));
        assert_eq!(one.differing(&other), vec![256..512, 768..1_024]);
        assert_eq!((one.count(), other.count()), (1_000, 1_001));
    }
}
