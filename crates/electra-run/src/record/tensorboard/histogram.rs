//! Values as the histogram that TensorBoard has always used: buckets that grow by a tenth.

use tensorboard_proto::summary::HistogramProto;

/// The histogram of the finite values, if there are any.
///
/// Bucket `i` counts the values from `bucket_limit[i - 1]` up to, but not including,
/// `bucket_limit[i]`. The limits are 0 and ±1e-12 * 1.1^n below 1e20, as in TensorFlow's
/// `histogram.cc`; empty buckets at both ends are left out and neighbouring empty buckets are one.
pub(super) fn of(values: &[f32]) -> Option<HistogramProto> {
    let limits = limits();
    let mut counts = vec![0.0; limits.len()];
    let mut proto = HistogramProto::new();
    proto.min = f64::INFINITY;
    proto.max = f64::NEG_INFINITY;
    for value in values.iter().filter(|value| value.is_finite()).map(|&value| f64::from(value)) {
        counts[limits.partition_point(|&limit| limit <= value)] += 1.0;
        proto.min = proto.min.min(value);
        proto.max = proto.max.max(value);
        proto.num += 1.0;
        proto.sum += value;
        proto.sum_squares += value * value;
    }
    let first = counts.iter().position(|&count| count > 0.0)?;
    let last = counts.iter().rposition(|&count| count > 0.0)?;
    for bucket in first..=last {
        let is_empty_run_going_on = counts[bucket] == 0.0 && counts[bucket + 1] == 0.0;
        if !is_empty_run_going_on {
            proto.bucket_limit.push(limits[bucket]);
            proto.bucket.push(counts[bucket]);
        }
    }
    Some(proto)
}

fn limits() -> Vec<f64> {
    let positive: Vec<f64> = std::iter::successors(Some(1e-12), |limit| Some(limit * 1.1))
        .take_while(|&limit| limit < 1e20)
        .chain([f64::MAX])
        .collect();
    positive.iter().rev().map(|limit| -limit).chain([0.0]).chain(positive.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hand_counted_values() {
        let histogram = of(&[0.0, 1.0, 1.0, -2.0, f32::NAN, f32::INFINITY]).unwrap();
        assert_eq!((histogram.min, histogram.max, histogram.num), (-2.0, 1.0, 4.0));
        assert_eq!((histogram.sum, histogram.sum_squares), (0.0, 6.0));
        // -2 | empty | 0 | empty | 1, 1
        assert_eq!(histogram.bucket, [1.0, 0.0, 1.0, 0.0, 2.0]);
    }

    #[test]
    fn nothing_finite_is_no_histogram() {
        assert!(of(&[]).is_none());
        assert!(of(&[f32::NAN, f32::NEG_INFINITY]).is_none());
    }

    #[test]
    fn the_largest_numbers_have_a_bucket() {
        assert_eq!(of(&[f32::MAX, f32::MIN]).unwrap().bucket, [1.0, 0.0, 1.0]);
    }

    proptest! {
        #[test]
        fn every_value_is_counted_in_the_bucket_that_holds_it(values in proptest::collection::vec(-1e6f32..1e6, 1..200)) {
            let histogram = of(&values).unwrap();
            prop_assert_eq!(histogram.bucket.iter().sum::<f64>(), values.len() as f64);
            let mut from = f64::NEG_INFINITY;
            for (&limit, &count) in histogram.bucket_limit.iter().zip(&histogram.bucket) {
                let inside = values.iter().filter(|&&v| (from..limit).contains(&f64::from(v))).count();
                prop_assert_eq!(count, inside as f64);
                from = limit;
            }
        }
    }
}
