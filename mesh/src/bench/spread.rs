//! A handful of measurements as a person reads them: median, lowest, highest.

use serde::Serialize;

/// Median, lowest and highest of a few values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one; of an even number the mean of both.
    pub median: f64,
    /// The lowest.
    pub low: f64,
    /// The highest.
    pub high: f64,
    /// How many there were.
    pub n: usize,
}

impl Spread {
    /// None if there are no values, or one is no number.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let n = values.len();
        let (low, high) = (*values.first()?, *values.last()?);
        if !values.iter().all(|value| value.is_finite()) {
            return None;
        }
        let median = (values.get((n - 1) / 2)? + values.get(n / 2)?) / 2.0;
        Some(Self { median, low, high, n })
    }

    /// Spread of the ratios within each pair.
    pub fn ratios(over: &[f64], under: &[f64]) -> Option<Self> {
        Self::of(over.iter().zip(under).map(|(over, under)| over / under).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_stands_between_the_ends() {
        let odd = Spread::of(vec![3.0, 1.0, 10.0]).expect("values");
        assert_eq!((odd.median, odd.low, odd.high, odd.n), (3.0, 1.0, 10.0, 3));
        assert_eq!(Spread::of(vec![4.0, 2.0]).expect("values").median, 3.0);
        assert_eq!(Spread::of(vec![]), None);
    }

    #[test]
    fn a_pair_that_cannot_be_divided_is_no_ratio() {
        assert_eq!(Spread::ratios(&[1.0, 2.0], &[2.0, 0.0]), None);
        assert_eq!(Spread::ratios(&[1.0, 3.0], &[2.0, 2.0]).expect("values").median, 1.0);
    }
}
