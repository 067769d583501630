//! The arms of an experiment: those that it names, and those of its grid.

use std::collections::BTreeMap;

use electra_run::recipe::{Part, RecipeError, Resolved};
use toml::Value;

use crate::experiment::{Contrast, Experiment, MAX_JOBS};

/// An arm: a name, and what it changes of the base recipe.
#[derive(Clone, Debug, PartialEq)]
pub struct Arm {
    /// The name of the arm.
    pub name: String,
    /// The changes that the arm makes; none for the base recipe.
    pub settings: Vec<Setting>,
    /// The path of the arm's entry in the experiment's file, for errors.
    pub at: Vec<String>,
}

/// A key of the recipe with another value.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// The dotted key in the recipe.
    pub key: String,
    /// The value that the arm sets.
    pub value: Value,
    /// The path of the setting in the experiment's file, for errors.
    pub at: Vec<String>,
}

impl Setting {
    /// The setting as an override of a recipe, `key=value`.
    #[must_use]
    pub fn to_override(&self) -> String {
        format!("{}={}", self.key, self.value)
    }
}

/// All arms, those with names of their own first.
///
/// # Errors
/// If there are none or too many, a name is there twice or cannot name a file, the base arm is not
/// among them, or a list of the grid is none.
pub fn arms(file: &Resolved<Experiment>) -> Result<Vec<Arm>, RecipeError> {
    let experiment = &file.value;
    let mut arms: Vec<Arm> = Vec::new();
    for (i, entry) in experiment.arms.iter().enumerate() {
        let at = names(&["arm", &i.to_string()]);
        let settings = settings(&entry.set, &below(&at, "set"));
        check_name(file, &entry.name, &below(&at, "name"))?;
        arms.push(Arm { name: entry.name.clone(), settings, at });
    }
    arms.extend(grid(file)?);
    for (i, arm) in arms.iter().enumerate() {
        if let Some(setting) = arm.settings.iter().find(|setting| setting.key == "seed") {
            let help = "list the seeds under `seeds`: every arm is trained with all of them";
            return Err(error(file, &setting.at, Part::Key, "an arm cannot set the seed".into(), help));
        }
        if arms[..i].iter().any(|other| other.name == arm.name) {
            let message = format!("there are two arms `{}`", arm.name);
            let at = below(&arm.at, "name");
            return Err(error(file, &at, Part::Value, message, "give each a name of its own"));
        }
    }
    if arms.is_empty() {
        let help = "add [[arm]] with a name and what it sets, or [grid] with lists of values";
        return Err(file.error_at("base_arm", "the experiment has no arms", help));
    }
    if !arms.iter().any(|arm| arm.name == experiment.base_arm) {
        let listed: Vec<&str> = arms.iter().map(|arm| arm.name.as_str()).collect();
        let help = format!("the arms here are {}", listed.join(", "));
        return Err(file.error_at("base_arm", format!("there is no arm `{}`", experiment.base_arm), help));
    }
    check_contrasts(file, &arms)?;
    Ok(arms)
}

/// Refuses a contrast of an arm that is not there, with itself or with the base arm, and one that is there
/// twice: it would be one test and count as two.
fn check_contrasts(file: &Resolved<Experiment>, arms: &[Arm]) -> Result<(), RecipeError> {
    let experiment = &file.value;
    for (i, contrast) in experiment.contrasts.iter().enumerate() {
        let fail = |key: &str, message: String, help: &str| {
            let at = names(&["contrasts", &i.to_string(), key]);
            Err(error(file, &at, Part::Value, message, help))
        };
        let Contrast { arm, against } = contrast;
        for (key, name) in [("arm", arm), ("against", against)] {
            if !arms.iter().any(|arm| arm.name == *name) {
                let listed: Vec<&str> = arms.iter().map(|arm| arm.name.as_str()).collect();
                let help = format!("the arms here are {}", listed.join(", "));
                return fail(key, format!("there is no arm `{name}`"), &help);
            }
            if *name == experiment.base_arm {
                let help = "every arm is compared with it in any case: leave the contrast out";
                return fail(key, format!("`{name}` is the base arm"), help);
            }
        }
        if arm == against {
            return fail("against", format!("`{arm}` is held against itself"), "name another arm");
        }
        let is_same = |other: &&Contrast| {
            (&other.arm, &other.against) == (arm, against) || (&other.arm, &other.against) == (against, arm)
        };
        if experiment.contrasts[..i].iter().any(|other| is_same(&other)) {
            let message = format!("`{arm}` and `{against}` are held against each other twice");
            return fail("against", message, "leave one of the two out");
        }
    }
    Ok(())
}

/// Keys and values of nested tables, dotted. A table that names its kind is a value.
#[must_use]
pub fn settings(table: &BTreeMap<String, Value>, at: &[String]) -> Vec<Setting> {
    let mut found = Vec::new();
    for (key, value) in table {
        collect(key, value, &below(at, key), &mut found);
    }
    found
}

fn collect(key: &str, value: &Value, at: &[String], found: &mut Vec<Setting>) {
    match value {
        Value::Table(table) if !table.contains_key("kind") && !table.is_empty() => {
            for (name, value) in table {
                collect(&format!("{key}.{name}"), value, &below(at, name), found);
            }
        }
        value => found.push(Setting { key: key.to_owned(), value: value.clone(), at: at.to_vec() }),
    }
}

/// An arm for each combination, the last key changing fastest.
fn grid(file: &Resolved<Experiment>) -> Result<Vec<Arm>, RecipeError> {
    let axes = settings(&file.value.grid, &names(&["grid"]));
    if axes.is_empty() {
        return Ok(Vec::new());
    }
    let labels = labels(&axes);
    let mut arms = vec![Arm { name: String::new(), settings: Vec::new(), at: names(&["grid"]) }];
    for (axis, label) in axes.iter().zip(labels) {
        let values = axis.value.as_array().filter(|values| !values.is_empty());
        let Some(values) = values else {
            let message = format!("the grid needs a list of values for `{}`", axis.key);
            return Err(error(file, &axis.at, Part::Value, message, "for example [0.25, 0.5]"));
        };
        if arms.len().saturating_mul(values.len()) > MAX_JOBS {
            let message = format!("the grid has more than {MAX_JOBS} arms");
            return Err(error(file, &axis.at, Part::Value, message, "take fewer values"));
        }
        let extend = |arm: &Arm| -> Vec<Arm> {
            let longer = |(i, value): (usize, &Value)| {
                let at = below(&axis.at, &i.to_string());
                let comma = if arm.name.is_empty() { "" } else { "," };
                let name = format!("{}{comma}{label}={}", arm.name, short(value));
                let setting = Setting { key: axis.key.clone(), value: value.clone(), at: at.clone() };
                Arm { name, settings: [&arm.settings[..], &[setting]].concat(), at }
            };
            values.iter().enumerate().map(longer).collect()
        };
        arms = arms.iter().flat_map(extend).collect();
    }
    Ok(arms)
}

/// The label of each key in names of arms: its last part, or all of it where two end alike.
fn labels(axes: &[Setting]) -> Vec<&str> {
    let last = |axis: &Setting| axis.key.rfind('.').map_or(0, |dot| dot + 1);
    let of = |axis: &'_ Setting| axis.key[last(axis)..].to_owned();
    axes.iter()
        .map(|axis| {
            let alike = axes.iter().filter(|other| of(other) == of(axis)).count();
            if alike > 1 { axis.key.as_str() } else { &axis.key[last(axis)..] }
        })
        .collect()
}

/// A value as a part of a name.
fn short(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Table(table) => match table.get("kind") {
            Some(Value::String(kind)) => kind.clone(),
            _ => value.to_string(),
        },
        other => other.to_string(),
    };
    text.chars().map(|c| if is_plain(c) { c } else { '-' }).collect()
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._=+-,".contains(c)
}

/// The characters and the length that an arm's name may have.
pub(crate) const NAMES: &str = "letters, digits and ._=+-, up to 80 of them";

/// Whether an arm can have this name: names become file names, and stand in tables and pages.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 80 && name.chars().all(is_plain) && !name.starts_with(['.', '-'])
}

fn check_name(file: &Resolved<Experiment>, name: &str, at: &[String]) -> Result<(), RecipeError> {
    if is_name(name) {
        return Ok(());
    }
    let help = format!("use {NAMES}");
    Err(error(file, at, Part::Value, format!("`{name}` cannot name an arm"), &help))
}

fn error(file: &Resolved<Experiment>, at: &[String], part: Part, message: String, help: &str) -> RecipeError {
    let names: Vec<&str> = at.iter().map(String::as_str).collect();
    file.origins.error_at_names(&names, part, message, help)
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn below(at: &[String], name: &str) -> Vec<String> {
    [at, &names(&[name])].concat()
}
