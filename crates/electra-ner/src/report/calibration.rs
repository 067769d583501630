//! Drawings of the scores of a tagger: reliability diagrams, and precision by recall.

use electra_annotations::{PrecisionRecall, Reliability};
use electra_run::curve::CurveRole;
use electra_run::plot::Axes;
use serde::Serialize;
use serde_json::Value;

use crate::calibration::SplitCalibration;

/// Types that one drawing of precision by recall has at most: as many as there are colours.
const MAX_TYPES: usize = 8;

/// The scores of a tagger on one split, drawn.
#[derive(Debug, Serialize)]
pub(super) struct CalibrationPage {
    name: &'static str,
    reliability: String,
    note: String,
    precision_recall: Option<TypeCurves>,
}

/// Precision by recall, a curve for each type.
#[derive(Debug, Serialize)]
struct TypeCurves {
    svg: String,
    /// The class of each curve, and its type.
    legend: Vec<(String, String)>,
    /// Types that are not drawn.
    hidden: usize,
}

/// The drawings of all splits of which `scores.json` has the calibration.
pub(super) fn pages(scores: &Value) -> Vec<CalibrationPage> {
    let page = |name: &'static str| {
        let found = scores["details"][name]["calibration"].clone();
        let found: SplitCalibration = serde_json::from_value(found).ok()?;
        (found.after.entities > 0).then(|| CalibrationPage {
            name,
            reliability: reliability_diagram(name, &found.before, &found.after),
            note: note(&found),
            precision_recall: type_curves(name, &found),
        })
    };
    ["test", "dev"].into_iter().filter_map(page).collect()
}

fn note(found: &SplitCalibration) -> String {
    let SplitCalibration { temperature, before, after, .. } = found;
    format!(
        "Expected calibration error {:.3} at the temperature 1, {:.3} at {temperature:.2}: the scores of {} \
         entities say {:.1} % and {:.1} % on average, of which {:.1} % are correct.",
        before.calibration_error,
        after.calibration_error,
        after.entities,
        100.0 * before.mean_score,
        100.0 * after.mean_score,
        100.0 * after.precision(),
    )
}

/// Precision by score before and after, with a dot for each bin that has entities, and the diagonal on which
/// scores are probabilities.
fn reliability_diagram(name: &str, before: &Reliability, after: &Reliability) -> String {
    let axes = Axes::new(0.0..1.0, 0.0..1.0);
    let mut inside = axes.line(CurveRole::Published.class(), &[(0.0, 0.0), (1.0, 1.0)]);
    for (role, found) in [(CurveRole::Second, before), (CurveRole::HeldOut, after)] {
        let bins = found.bins.iter().filter(|bin| bin.entities > 0);
        let points: Vec<(f64, f64)> = bins.map(|bin| (bin.mean_score, bin.precision())).collect();
        inside += &axes.line(role.class(), &points);
        inside.extend(points.iter().map(|&point| axes.dot(role.class(), point, 2.5)));
    }
    axes.draw(&format!("Reliability on the {name} data: precision by score"), &inside)
}

fn type_curves(name: &str, found: &SplitCalibration) -> Option<TypeCurves> {
    let mut types: Vec<(&String, &PrecisionRecall)> = found
        .precision_recall
        .iter()
        .filter(|(_, curve)| curve.gold > 0 && !curve.points.is_empty())
        .collect();
    types.sort_by_key(|(_, curve)| std::cmp::Reverse(curve.gold));
    let hidden = types.len().saturating_sub(MAX_TYPES);
    types.truncate(MAX_TYPES);
    let axes = Axes::new(0.0..1.0, 0.0..1.0);
    let (mut inside, mut legend) = (String::new(), Vec::new());
    for (number, (kind, curve)) in types.into_iter().enumerate() {
        let class = format!("h{number}");
        let points: Vec<(f64, f64)> =
            curve.points.iter().map(|point| (curve.recall(point), point.precision())).collect();
        inside += &axes.line(&class, &points);
        inside.extend(points.last().map(|&last| axes.dot(&class, last, 2.5)));
        legend.push((class, kind.clone()));
    }
    let title = format!("Precision by recall on the {name} data, by type");
    (!legend.is_empty()).then(|| TypeCurves { svg: axes.draw(&title, &inside), legend, hidden })
}

#[cfg(test)]
mod tests {
    use super::*;
    use electra_annotations::ScoredEntity;

    #[test]
    fn every_bin_has_a_dot_and_every_type_a_curve() {
        let scored = |kind: &str, score, is_correct| ScoredEntity { kind: kind.into(), score, is_correct };
        let entities = [scored("A", 0.95, true), scored("<B>", 0.45, false), scored("A", 0.35, true)];
        let reliability = Reliability::of(&entities);
        let curve = |kind: &str| (kind.to_owned(), PrecisionRecall::of(kind, 2, &entities));
        let found = SplitCalibration {
            temperature: 1.5,
            before: reliability.clone(),
            after: reliability,
            precision_recall: [curve("A"), curve("<B>"), curve("never found")].into(),
        };
        let scores = serde_json::json!({"details": {"dev": {"calibration": found}}});
        let pages = pages(&scores);
        assert_eq!(pages.len(), 1);
        assert_eq!(pages[0].reliability.matches("<circle").count(), 6);
        assert!(pages[0].note.contains("temperature 1, ") && pages[0].note.contains("at 1.50"));
        let curves = pages[0].precision_recall.as_ref().unwrap();
        assert_eq!(curves.svg.matches("<polyline").count(), 2);
        let kinds: Vec<&str> = curves.legend.iter().map(|(_, kind)| kind.as_str()).collect();
        assert_eq!((kinds.len(), curves.hidden), (2, 0));
        assert!(super::pages(&serde_json::json!({"details": {"dev": {}}})).is_empty());
    }
}
