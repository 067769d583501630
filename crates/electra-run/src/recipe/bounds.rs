//! Numbers of a recipe within bounds: whoever reads a recipe may then count with them.

use std::fmt::{Debug, Display};
use std::ops::RangeInclusive;

use super::{RecipeError, Resolved};

impl<T> Resolved<T> {
    /// Refuses a number at `key` that is not within `bounds`.
    ///
    /// # Errors
    /// The key, what was found and the bounds, pointing at the place where the number was written.
    pub fn within<N: PartialOrd + Display + Debug>(
        &self,
        key: &str,
        found: N,
        bounds: RangeInclusive<N>,
    ) -> Result<(), RecipeError> {
        if bounds.contains(&found) {
            return Ok(());
        }
        let help = format!("expected {} to {}", written(bounds.start()), written(bounds.end()));
        Err(self.error_at(key, format!("`{key}` is {}", written(&found)), help))
    }

    /// As [`within`](Self::within), where the least is not a part of the bounds: a number above `least`
    /// and at most `most`.
    ///
    /// # Errors
    /// As there.
    pub fn above(&self, key: &str, found: f64, least: f64, most: f64) -> Result<(), RecipeError> {
        if found > least && found <= most {
            return Ok(());
        }
        let help = format!("expected a number above {least} and at most {}", written(&most));
        Err(self.error_at(key, format!("`{key}` is {}", written(&found)), help))
    }
}

/// A number as one would write it: 1e30 without thirty zeros.
fn written(number: &(impl Display + Debug)) -> String {
    let digits = number.to_string();
    if digits.len() > 20 { format!("{number:?}") } else { digits }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use crate::recipe::{Origin, RecipeError, Resolved, load_str};

    #[derive(Debug, Deserialize, Serialize)]
    struct Recipe {
        steps: u64,
        rate: f64,
    }

    fn checked(text: &str, overrides: &[&str]) -> Result<(), RecipeError> {
        let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
        let resolved: Resolved<Recipe> =
            load_str("r.toml", &format!("recipe_version = 1\n{text}"), &overrides)?;
        resolved.within("steps", resolved.value.steps, 1..=100)?;
        resolved.above("rate", resolved.value.rate, 0.0, 1.0)
    }

    #[test]
    fn a_number_out_of_bounds_is_named_with_its_place_and_the_bounds() {
        for good in ["steps = 1\nrate = 1.0", "steps = 100\nrate = 1e-300"] {
            assert_eq!(checked(good, &[]), Ok(()));
        }
        for (text, key, found, help) in [
            ("steps = 0\nrate = 1.0", "steps", "0", "expected 1 to 100"),
            ("steps = 101\nrate = 1.0", "steps", "101", "expected 1 to 100"),
            ("steps = 1\nrate = 0.0", "rate", "0", "expected a number above 0 and at most 1"),
            ("steps = 1\nrate = nan", "rate", "NaN", "expected a number above 0 and at most 1"),
            ("steps = 1\nrate = inf", "rate", "inf", "expected a number above 0 and at most 1"),
        ] {
            let error = checked(text, &[]).unwrap_err();
            assert_eq!((error.message, error.help.as_deref()), (format!("`{key}` is {found}"), Some(help)));
            assert_eq!(error.origin, Origin::File("r.toml".to_owned()));
        }
        let error = checked("steps = 1\nrate = 1e300", &[]).unwrap_err();
        assert_eq!(error.message, "`rate` is 1e300");
        let error = checked("steps = 1\nrate = 1.0", &["steps=9223372036854775807"]).unwrap_err();
        assert_eq!(
            (error.origin.clone(), error.offending_text()),
            (Origin::Override, Some("9223372036854775807"))
        );
    }

    #[test]
    fn a_key_of_thousands_of_parts_and_a_chain_of_hundreds_of_recipes_end_with_a_sentence() {
        let deep = format!("{}=1", vec!["a"; 100_000].join("."));
        let error = checked("steps = 1\nrate = 1.0", &[&deep]).unwrap_err();
        assert_eq!(error.message, "a key of more than 32 parts");
        let folder = tempfile::tempdir().unwrap();
        for i in 0..200 {
            let text = format!("recipe_version = 1\nextends = \"{}.toml\"\n", i + 1);
            std::fs::write(folder.path().join(format!("{i}.toml")), text).unwrap();
        }
        let error = crate::recipe::load::<Recipe>(&folder.path().join("0.toml"), &[]).unwrap_err();
        assert_eq!(error.message, "a chain of more than 64 recipes");
        let nested = format!("steps = 1\nrate = 1.0\n{} = 1", vec!["a"; 100_000].join("."));
        assert!(checked(&nested, &[]).is_err());
        let nested = format!("steps = 1\nrate = {}1{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(checked(&nested, &[]).is_err());
    }
}
