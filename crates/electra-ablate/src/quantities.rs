//! Derived quantities of recipes, and those in which arms differ without naming them.
//!
//! A recipe that sets the width of a network sets more: the width of its heads where their number is given,
//! its feed-forward layers, what a step costs. What such an arm shows is of all of them. Whoever knows recipes
//! has a table of [quantities](Quantity) and reads them; here they are held against each other.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

/// A quantity that follows from a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantity {
    /// The key of the quantity in results.
    pub key: &'static str,
    /// The title of the quantity in tables.
    pub title: &'static str,
    /// Keys of the recipe that say it: where an arm sets one of them, or one below or above it, the
    /// quantity is what the arm is about.
    pub named_by: &'static [&'static str],
    /// Keys of which it is a consequence: an arm that sets one of them has chosen it, as the number of heads
    /// chooses their width. It is listed, and no confound.
    pub implied_by: &'static [&'static str],
    /// The meaning of a difference between arms in this quantity.
    pub role: QuantityRole,
}

/// The meaning of a difference between arms in a quantity that they do not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuantityRole {
    /// A cost of the arm: other arms cost otherwise, and the table of the verdict says so.
    Cost,
    /// A consequence: it follows a size that the arm names by a fixed share, or is what an equal budget
    /// gives.
    Follows,
    /// A confounder: it could have been the same, so that the arm shows the effect of this as well.
    Confound,
}

/// Values by the keys of quantities; one that a recipe has not is not there.
pub type Quantities = BTreeMap<String, Value>;

/// A quantity in which an arm differs from the base arm without naming it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnnamedDifference {
    /// Key of the quantity.
    pub key: &'static str,
    /// The title of the quantity in tables.
    pub title: &'static str,
    /// The value in the base arm.
    pub base: Option<Value>,
    /// The value in the arm.
    pub arm: Option<Value>,
    /// Whether it could have been the same.
    pub is_confound: bool,
    /// Whether the table of the verdict has it.
    #[serde(skip)]
    pub is_cost: bool,
}

/// The quantities in which an arm differs from the base arm beside the keys that one of them sets; none where
/// the quantities of one of them are not known.
pub fn unnamed_differences<'a>(
    table: &[Quantity],
    named: impl IntoIterator<Item = &'a String>,
    base: &Quantities,
    arm: &Quantities,
) -> Vec<UnnamedDifference> {
    if base.is_empty() || arm.is_empty() {
        return Vec::new();
    }
    let named: Vec<&String> = named.into_iter().collect();
    let is_among = |keys: &[&str]| {
        named.iter().any(|key| keys.iter().any(|by| is_within(key, by) || is_within(by, key)))
    };
    let is_named = |quantity: &&Quantity| is_among(quantity.named_by);
    let differs = |quantity: &&Quantity| base.get(quantity.key) != arm.get(quantity.key);
    let found = table.iter().filter(differs).filter(|quantity| !is_named(quantity));
    found
        .map(|quantity| UnnamedDifference {
            key: quantity.key,
            title: quantity.title,
            base: base.get(quantity.key).cloned(),
            arm: arm.get(quantity.key).cloned(),
            is_confound: quantity.role == QuantityRole::Confound && !is_among(quantity.implied_by),
            is_cost: quantity.role == QuantityRole::Cost,
        })
        .collect()
}

/// The keys that two arms do not set alike: what sets them apart. A key that both set to one value is none.
pub fn differing_keys<'a, V: PartialEq>(
    one: impl IntoIterator<Item = (&'a String, V)>,
    other: impl IntoIterator<Item = (&'a String, V)>,
) -> Vec<&'a String> {
    let [one, other]: [BTreeMap<&String, V>; 2] = [one.into_iter().collect(), other.into_iter().collect()];
    let keys: BTreeSet<&String> = one.keys().chain(other.keys()).copied().collect();
    keys.into_iter().filter(|key| one.get(key) != other.get(key)).collect()
}

/// Whether a dotted key is another one or below it.
fn is_within(key: &str, of: &str) -> bool {
    key.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// A value as tables show it.
#[must_use]
pub fn shown(value: Option<&Value>) -> String {
    match value {
        None => "–".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => match (number.as_u64(), number.as_f64()) {
            (Some(whole), _) => electra_run::record::thousands(whole),
            (None, Some(real)) if real.abs() >= 1e6 => format!("{real:.2e}"),
            _ => number.to_string(),
        },
        Some(other) => other.to_string(),
    }
}

/// A sentence for each confound, with the arms that differ in it: what a person should read before the
/// numbers. `arms` are names with what each differs in.
#[must_use]
pub fn warnings(base_arm: &str, arms: &[(String, &[UnnamedDifference])]) -> Vec<String> {
    let mut of_quantity: Vec<(&str, Vec<String>)> = Vec::new();
    for (name, unnamed) in arms {
        for found in unnamed.iter().filter(|found| found.is_confound) {
            let values = format!("{} in {name}", shown(found.arm.as_ref()));
            match of_quantity.iter_mut().find(|(title, _)| *title == found.title) {
                Some((_, all)) => all.push(values),
                None => {
                    let base = format!("{} in {base_arm}", shown(found.base.as_ref()));
                    of_quantity.push((found.title, vec![base, values]));
                }
            }
        }
    }
    let sentence = |(title, values): (&str, Vec<String>)| {
        format!(
            "The {title} moves with the arms, which do not name it ({}): their differences are of this as well.",
            values.join(", ")
        )
    };
    of_quantity.into_iter().map(sentence).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const fn quantity(
        key: &'static str,
        title: &'static str,
        named_by: &'static [&'static str],
        implied_by: &'static [&'static str],
        role: QuantityRole,
    ) -> Quantity {
        Quantity { key, title, named_by, implied_by, role }
    }

    pub(crate) const TABLE: &[Quantity] = &[
        quantity("width", "width", &["model.width"], &[], QuantityRole::Confound),
        quantity("head_width", "head width", &["model.head_width"], &["model.heads"], QuantityRole::Confound),
        quantity("inner", "feed-forward width", &[], &[], QuantityRole::Follows),
        quantity("flops", "FLOPs a step", &[], &[], QuantityRole::Cost),
        quantity("share", "masked share", &["masking.probability"], &[], QuantityRole::Confound),
    ];

    /// The quantities of a network of this width, with four heads.
    pub(crate) fn of_width(width: u64) -> Quantities {
        let values =
            [("width", width), ("head_width", width / 4), ("inner", 4 * width), ("flops", width * width)];
        values.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect()
    }

    fn found(named: &[&str], base: &Quantities, arm: &Quantities) -> Vec<(&'static str, bool)> {
        let named: Vec<String> = named.iter().map(ToString::to_string).collect();
        unnamed_differences(TABLE, &named, base, arm)
            .into_iter()
            .map(|found| (found.key, found.is_confound))
            .collect()
    }

    #[test]
    fn what_moves_with_a_width_and_is_not_named_is_found() {
        let (base, arm) = (of_width(16), of_width(32));
        assert_eq!(
            found(&["model.width"], &base, &arm),
            [("head_width", true), ("inner", false), ("flops", false)]
        );
        // A table above the key, or a key below it, names it as well.
        assert_eq!(found(&["model"], &base, &arm), [("inner", false), ("flops", false)]);
        assert_eq!(found(&["model.widths"], &base, &arm).len(), 4);
        // Who sets the number of heads has chosen their width: it is listed, and no confound.
        let chosen = [("head_width", false), ("inner", false), ("flops", false)];
        assert_eq!(found(&["model.width", "model.heads"], &base, &arm), chosen);
        assert!(found(&[], &base, &base).is_empty());
        assert!(found(&[], &base, &Quantities::new()).is_empty(), "nothing is known of the arm");
        let mut masked = of_width(16);
        masked.insert("share".into(), 0.4.into());
        assert_eq!(found(&[], &base, &masked), [("share", true)]);
    }

    #[test]
    fn what_both_arms_set_alike_sets_them_not_apart() {
        let arm = |pairs: &[(&str, u64)]| -> BTreeMap<String, u64> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect()
        };
        let (one, other) = (arm(&[("heads", 4), ("width", 64)]), arm(&[("heads", 4), ("steps", 9)]));
        assert_eq!(differing_keys(&one, &other), ["steps", "width"]);
    }

    #[test]
    fn a_warning_names_the_quantity_with_its_value_in_every_arm_concerned() {
        let named = vec!["model.width".to_owned()];
        let [a, b] =
            [32, 64].map(|width| unnamed_differences(TABLE, &named, &of_width(16), &of_width(width)));
        assert_eq!(
            warnings("base", &[("a".into(), &a), ("b".into(), &b)]),
            ["The head width moves with the arms, which do not name it (4 in base, 8 in a, 16 in b): their \
              differences are of this as well."]
        );
    }

    #[test]
    fn values_are_short() {
        let all = [1_234_567.into(), 0.15.into(), 2.5e9.into(), "-1 +1".into()];
        assert_eq!(all.map(|value: Value| shown(Some(&value))), ["1,234,567", "0.15", "2.50e9", "-1 +1"]);
        assert_eq!(shown(None), "–");
    }
}
