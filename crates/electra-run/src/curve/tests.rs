use super::*;

fn curve(points: &[(f64, f64)]) -> Curve {
    Curve {
        title: "loss <\"&\">".to_owned(),
        series: vec![Series { role: CurveRole::HeldOut, points: points.to_vec() }],
        limits: Vec::new(),
        seams: Vec::new(),
        last_step: 100.0,
        scale: Scale::Values,
    }
}

#[test]
fn a_drawing_has_a_class_for_each_role_and_no_colour() {
    let mut curve = curve(&[(0.0, 1.0), (50.0, 2.0), (100.0, 1.5)]);
    curve.limits.push(Limit { value: 1.2, label: "too <low>".to_owned() });
    curve.series.push(Series { role: CurveRole::Published, points: vec![(0.0, 1.0), (100.0, 2.0)] });
    let svg = curve.svg().unwrap();
    for class in ["grid", "line held-out", "dot held-out", "line published", "limit"] {
        assert!(svg.contains(&format!("class=\"{class}\"")), "{class} in {svg}");
    }
    assert!(!svg.contains('#') && !svg.contains("stroke="), "{svg}");
    assert!(svg.contains("aria-label=\"loss &lt;&quot;&amp;&quot;&gt;\""), "{svg}");
    assert!(svg.contains("too &lt;low&gt;"), "{svg}");
}

#[test]
fn a_seam_is_a_line_upwards_at_its_step_and_none_where_the_axis_does_not_reach() {
    let mut seamed = curve(&[(0.0, 1.0), (100.0, 2.0)]);
    seamed.seams.push(Seam { step: 50.0, label: "phase <2>".to_owned() });
    seamed.seams.push(Seam { step: 150.0, label: "phase 3".to_owned() });
    let svg = seamed.svg().unwrap();
    assert_eq!(svg.matches("<line class=\"zero seam\"").count(), 1, "{svg}");
    assert!(svg.contains("phase &lt;2&gt;") && !svg.contains("phase 3"), "{svg}");
    let line = svg.split("<line class=\"zero seam\" ").nth(1).unwrap();
    let number =
        |name: &str| line.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_eq!(number("x1"), number("x2"));
    assert_ne!(number("y1"), number("y2"));
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
    for label in [">0.4<", ">1.0<"] {
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
    let lines = |points: &[(f64, f64)]| curve(points).svg().unwrap().matches("<polyline").count();
    assert_eq!(lines(&[(1.0, 1.0), (2.0, 2.0), (4.0, 1.0), (5.0, 2.0)]), 1);
    assert_eq!(lines(&[(1.0, 1.0), (2.0, 2.0), (3.0, f64::NAN), (4.0, 1.0), (5.0, 2.0)]), 2);
}

#[test]
fn published_values_widen_the_axis() {
    let mut curve = curve(&[(0.0, 1.0), (1.0, 2.0)]);
    curve.series.push(Series { role: CurveRole::Published, points: vec![(0.0, 8.0)] });
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
