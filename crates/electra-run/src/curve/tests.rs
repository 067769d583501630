use super::*;

fn curve(points: &[(f64, f64)]) -> Curve {
    Curve {
        title: "loss <\"&\">".to_owned(),
        series: vec![Series { role: Role::HeldOut, points: points.to_vec() }],
        limits: Vec::new(),
        last_step: 100.0,
        scale: Scale::Values,
    }
}

#[test]
fn a_drawing_takes_its_colours_from_the_page() {
    let mut curve = curve(&[(0.0, 1.0), (50.0, 2.0), (100.0, 1.5)]);
    curve.limits.push(Limit { value: 1.2, label: "too <low>".to_owned() });
    curve.series.push(Series { role: Role::Published, points: vec![(0.0, 1.0), (100.0, 2.0)] });
    let svg = curve.svg().unwrap();
    for name in ["axis", "grid", "held-out", "published", "limit"] {
        assert!(svg.contains(&format!("\"var(--{name})\"")), "{name} in {svg}");
    }
    assert!(!svg.contains("#FE01"), "{svg}");
    assert!(svg.contains("aria-label=\"loss &lt;&quot;&amp;&quot;&gt;\""), "{svg}");
    assert!(svg.contains("too &lt;low&gt;"), "{svg}");
}

#[test]
fn nothing_to_draw_is_no_drawing() {
    assert!(curve(&[]).svg().is_none());
    assert!(curve(&[(1.0, f64::NAN)]).svg().is_none());
}

#[test]
fn one_value_and_equal_values_can_be_drawn() {
    assert!(curve(&[(5.0, 3.0)]).svg().unwrap().contains("<circle"));
    assert!(curve(&[(5.0, 0.0), (6.0, 0.0)]).svg().is_some());
    let begun = Curve { last_step: 0.0, ..curve(&[(0.0, 3.0)]) };
    assert!(begun.svg().is_some());
}

#[test]
fn values_that_stay_at_zero_have_the_axis_of_scores() {
    let dead = curve(&[(1.0, 0.0), (2.0, 0.0)]);
    assert_eq!(dead.vertical(), Some(-1.0..1.0));
    let dead = Curve { scale: Scale::FromZero, ..dead };
    assert_eq!(dead.vertical(), Some(0.0..1.0));
    let svg = dead.svg().unwrap();
    assert!(!svg.contains("e-1"), "{svg}");
    for label in ["0.5\u{2002}", "1.0\u{2002}"] {
        assert_eq!(svg.matches(label).count(), 1, "{label} in {svg}");
    }
}

#[test]
fn numbers_that_no_run_measures_are_drawn_or_left_out() {
    let drawn = |scale, values: &[f64]| {
        let points: Vec<_> = values.iter().enumerate().map(|(i, &value)| (i as f64, value)).collect();
        Curve { scale, ..curve(&points) }.svg().is_some()
    };
    for scale in [Scale::Values, Scale::FromZero] {
        for values in [
            &[-3.0][..],
            &[-3.0, -1.0],
            &[1.0, 1.75e308],
            &[-1e308, 1.0, 1e308],
            &[5e-324, 1e-323],
            &[1e17, 1e17 + 16.0],
            &[-1e30, 1e30],
        ] {
            assert!(drawn(scale, values), "{values:?}");
        }
        assert!(!drawn(scale, &[1.75e308, f64::INFINITY]));
    }
}

#[test]
fn a_gap_parts_a_line() {
    let lines = |points: &[(f64, f64)]| {
        curve(points).svg().unwrap().matches("var(--held-out)\" stroke-width").count()
    };
    assert_eq!(lines(&[(1.0, 1.0), (2.0, 2.0), (4.0, 1.0), (5.0, 2.0)]), 1);
    assert_eq!(lines(&[(1.0, 1.0), (2.0, 2.0), (3.0, f64::NAN), (4.0, 1.0), (5.0, 2.0)]), 2);
}

#[test]
fn published_values_widen_the_axis() {
    let mut curve = curve(&[(0.0, 1.0), (1.0, 2.0)]);
    curve.series.push(Series { role: Role::Published, points: vec![(0.0, 8.0)] });
    assert!(curve.vertical().unwrap().contains(&8.0));
}

#[test]
fn a_few_spikes_do_not_flatten_the_rest() {
    let mut points: Vec<(f64, f64)> =
        (0..200).map(|i| (f64::from(i), 1.0 + f64::from(i % 10) / 10.0)).collect();
    points[50].1 = 1e6;
    let range = curve(&points).vertical().unwrap();
    assert!(range.end < 4.0, "{range:?}");
}

#[test]
fn numbers_on_the_axes_are_short() {
    assert_eq!([0.0, 500.0, 1_500.0, 20_000.0, 2_500_000.0].map(steps), ["", "500", "1.5k", "20k", "2.5M"]);
    assert_eq!(decimal(12_345.6, 0), "12,346");
    assert_eq!(decimal(-0.25, 2), "-0.25");
    assert_eq!(Numbers::of(&(0.0..5.0)).label(2.0), "2");
    assert_eq!(Numbers::of(&(0.5..1.0)).label(0.6), "0.6");
    assert_eq!(Numbers::of(&(0.0..4.2e-4)).label(1e-4), "1e-4");
}

#[test]
fn the_numbers_of_an_axis_are_where_they_say() {
    // Up to 2e-3, every half of it is labelled: 1.5e-3 is not 2e-3.
    let svg = Curve { scale: Scale::FromZero, ..curve(&[(0.0, 2e-3), (100.0, 5e-4)]) }.svg().unwrap();
    for label in ["5.0e-4", "1.0e-3", "1.5e-3", "2.0e-3"] {
        assert_eq!(svg.matches(label).count(), 1, "{label} in {svg}");
    }
    for end in (1..400).map(|n| f64::from(n) * 3.7e-5).chain([0.013, 0.07, 0.25, 1.0, 7.0, 1.5e4]) {
        for start in [0.0, 0.9 * end, 0.999 * end] {
            let range = start..end;
            let numbers = Numbers::of(&range);
            let ticks = RangedCoordf64::from(range).key_points(BoldPoints(Y_LABELS));
            let mut labels: Vec<String> = ticks.iter().map(|&tick| numbers.label(tick)).collect();
            labels.dedup();
            assert_eq!(labels.len(), ticks.len(), "{start} to {end}: {labels:?}");
        }
    }
}
