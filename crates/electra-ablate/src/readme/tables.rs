//! Tables of a README that are made from JSON files, as `tables.toml` beside it says.
//!
//! ```toml
//! [[table]]
//! name = "gain"                     # stands between <!-- table gain --> and <!-- end of table -->
//! columns = [
//!     { title = "set", cell = "{set}" },
//!     { title = "test F1", cell = ["{run.test.mean:.1%} ± {run.test.sd:.1%}", "{run.test.mean:.1%}"] },
//! ]
//! rows = [
//!     { set = "wikigold", run = "results/wikigold.json" },
//!     { set = "gmb", run = "results/all.json gmb.runs[-1]" },
//! ]
//! ```
//!
//! A row binds names: to text, or to a JSON file, with a path in it behind a space. A cell is text with
//! `{name}` and `{name.path:format}`; a path may end with `*N` or `/N`. Of several forms of a cell the first
//! counts of which everything is there; if there is none, the cell is empty.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document;
use super::expression::ExpressionError;
use super::format::Format;
use super::sources::Sources;
use super::{MarkerError, between};

/// The usual name of the file.
pub const TABLES: &str = "tables.toml";
/// The marker behind a table.
pub const END: &str = "<!-- end of table -->";

/// The tables of a README.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tables {
    /// The tables of the file.
    #[serde(rename = "table")]
    pub tables: Vec<Table>,
}

/// A table that is made from files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// The name of the table between the markers.
    pub name: String,
    /// The columns of the table.
    pub columns: Vec<Column>,
    /// The names of each row with their values.
    pub rows: Vec<BTreeMap<String, String>>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// The title of the column.
    pub title: String,
    /// The template of the column's cells.
    pub cell: CellTemplates,
}

/// A cell in one form or several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CellTemplates {
    /// One template for the cells of every row.
    One(String),
    /// The first of which everything is there.
    Several(Vec<String>),
}

/// An error of making a table.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum TableError {
    /// A README has no place for a table.
    #[error("table {name}: {source}")]
    Marker {
        /// The name of the table.
        name: String,
        /// The error about the markers.
        #[diagnostic_source]
        source: MarkerError,
    },
    /// A cell is none.
    #[error("table {name}: `{{{part}}}` of a cell: {reason}")]
    Cell {
        /// Name of the table.
        name: String,
        /// The text between the braces.
        part: String,
        /// The reason why it cannot stand there.
        reason: &'static str,
    },
    /// A row names what is not there.
    #[error("table {name}, row {row}: {source}")]
    #[diagnostic(forward(source))]
    Row {
        /// Name of the table.
        name: String,
        /// The row, from 1.
        row: usize,
        /// The error in the expression.
        source: Box<ExpressionError>,
    },
}

/// The marker before a table.
#[must_use]
pub fn begin(name: &str) -> String {
    format!("<!-- table {name}: written by `electra compare --write`, not by hand -->")
}

/// The README with all tables between their markers.
///
/// # Errors
/// If a marker is missing, or a file of a row.
pub fn with_tables(readme: &str, tables: &Tables, sources: &mut Sources<'_>) -> Result<String, TableError> {
    let mut readme = readme.to_owned();
    for table in &tables.tables {
        let marker = |source| TableError::Marker { name: table.name.clone(), source };
        readme = between(&readme, &begin(&table.name), END, &markdown(table, sources)?).map_err(marker)?;
    }
    Ok(readme)
}

/// A table as Markdown.
fn markdown(table: &Table, sources: &mut Sources<'_>) -> Result<String, TableError> {
    let line = |cells: Vec<String>| {
        let cell = |text: String| text.replace('|', "\\|").replace(char::is_control, " ");
        format!("| {} |\n", cells.into_iter().map(cell).collect::<Vec<_>>().join(" | "))
    };
    let mut text = line(table.columns.iter().map(|column| column.title.clone()).collect());
    text += &format!("|{}\n", "---|".repeat(table.columns.len()));
    for (row, names) in (1..).zip(&table.rows) {
        let bound = bound(names, sources).map_err(|source| TableError::Row {
            name: table.name.clone(),
            row,
            source: Box::new(source),
        })?;
        let cell = |column: &Column| {
            let forms = match &column.cell {
                CellTemplates::One(form) => std::slice::from_ref(form),
                CellTemplates::Several(forms) => forms,
            };
            for form in forms {
                if let Some(text) = filled(form, &bound, &table.name)? {
                    return Ok(text);
                }
            }
            Ok(String::new())
        };
        text += &line(table.columns.iter().map(cell).collect::<Result<_, TableError>>()?);
    }
    Ok(text)
}

/// The values of a row's names: text as it is, a file as its content.
fn bound(
    names: &BTreeMap<String, String>,
    sources: &mut Sources<'_>,
) -> Result<BTreeMap<String, Value>, ExpressionError> {
    let folder = sources.folder();
    let mut bound = BTreeMap::new();
    for (name, text) in names {
        let (file, path) = text.split_once(' ').unwrap_or((text, ""));
        let is_file = file.ends_with(".json") && file.split('/').all(|part| !matches!(part, "" | "." | ".."));
        let value = match is_file {
            false => Value::from(text.as_str()),
            true => document::at(sources.document(&folder, file)?, path)
                .cloned()
                .ok_or_else(|| ExpressionError::NoValue { file: file.to_owned(), path: path.to_owned() })?,
        };
        bound.insert(name.clone(), value);
    }
    Ok(bound)
}

/// A form of a cell; none if something of it is not there.
fn filled(form: &str, bound: &BTreeMap<String, Value>, table: &str) -> Result<Option<String>, TableError> {
    let mut text = String::new();
    let mut rest = form;
    while let Some((before, behind)) = rest.split_once('{') {
        let error =
            |part: &str, reason| TableError::Cell { name: table.to_owned(), part: part.to_owned(), reason };
        let (part, after) = behind.split_once('}').ok_or_else(|| error(behind, "no brace closes it"))?;
        let (path, format) = part.split_once(':').unwrap_or((part, ""));
        let format = Format::parse(format).ok_or_else(|| error(part, "expected a format such as :.2"))?;
        let (path, factor, divisor) =
            scaled(path).ok_or_else(|| error(part, "expected a number behind * or /"))?;
        let (name, path) = path.split_once('.').unwrap_or((path, ""));
        let Some(value) = bound.get(name).and_then(|value| document::at(value, path)) else {
            return Ok(None);
        };
        text += before;
        match (value.as_str(), value.as_f64()) {
            (Some(value), _) => text += value,
            (None, Some(number)) => {
                let number = number * factor / divisor;
                text += &format.write(number, if number.fract() == 0.0 { 0 } else { 3 });
            }
            _ => return Err(error(part, "neither a number nor text")),
        }
        rest = after;
    }
    Ok(Some(text + rest))
}

/// A path without `*N` or `/N` at its end, with that factor and divisor.
fn scaled(path: &str) -> Option<(&str, f64, f64)> {
    match (path.rsplit_once('*'), path.rsplit_once('/')) {
        (Some((path, factor)), _) => Some((path, factor.parse().ok()?, 1.0)),
        (None, Some((path, divisor))) => Some((path, 1.0, divisor.parse().ok()?)),
        (None, None) => Some((path, 1.0, 1.0)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::rc::Rc;

    use electra_run::recipe::load_str;

    use super::*;
    use crate::metric::tests::catalogue;
    use crate::readme::sources::CheckedResults;

    const FILE: &str = r#"
recipe_version = 1

[[table]]
name = "gain"
columns = [
    { title = "set", cell = "`{set}`" },
    { title = "step", cell = "{at.step:,}" },
    { title = "M tokens", cell = "{at.step*0.002048:.1}" },
    { title = "F1", cell = ["{at.f1:.1%} ± {at.sd:.1%}", "{at.f1:.1%} (one seed)"] },
    { title = "each", cell = "{at.names/5:,}" },
    { title = "seen", cell = ["{at.seen.recall:.1%}", "–"] },
    { title = "note", cell = "{note}" },
]
rows = [
    { set = "a|b", at = "results/x.json runs[step=2000]", note = "n" },
    { set = "c", at = "results/x.json runs[-1]" },
]
"#;

    fn made(file: &str) -> Result<String, TableError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("results")).unwrap();
        let runs = r#"{"runs": [{"step": 2000, "f1": 0.4083, "sd": 0.016, "names": 18935, "seen": {"support": 5, "recall": 0.5}},
            {"step": 4000, "f1": 0.5, "sd": null, "names": 10, "seen": {"support": 0, "recall": 0.0}}]}"#;
        std::fs::write(folder.path().join("results/x.json"), runs).unwrap();
        let tables: Tables = load_str("tables.toml", file, &[]).unwrap().value;
        let readme = format!("# a\n{}\nold\n{END}\nend\n", begin("gain"));
        let read = |folder: &Path| Ok(Rc::new(CheckedResults::of_folder(folder)?));
        let mut sources = Sources::of_experiment(folder.path(), &read, catalogue());
        let made = with_tables(&readme, &tables, &mut sources)?;
        assert_eq!(with_tables(&made, &tables, &mut sources)?, made);
        Ok(made)
    }

    #[test]
    fn a_table_is_made_of_what_its_rows_name() {
        let expected = [
            "# a",
            &begin("gain"),
            "",
            "| set | step | M tokens | F1 | each | seen | note |",
            "|---|---|---|---|---|---|---|",
            "| `a\\|b` | 2,000 | 4.1 | 40.8 ± 1.6 | 3,787 | 50.0 | n |",
            "| `c` | 4,000 | 8.2 | 50.0 (one seed) | 2 | – |  |",
            "",
            END,
            "end\n",
        ];
        assert_eq!(made(FILE).unwrap(), expected.join("\n"));
    }

    #[test]
    fn what_cannot_be_made_is_told_with_table_and_row() {
        for (from, to, expected) in [
            ("runs[-1]", "runs[7]", "table gain, row 2: results/x.json has no number at `runs[7]`"),
            ("results/x.json runs[-1]", "results/y.json", "table gain, row 2: cannot read results/y.json"),
            ("{at.step:,}", "{at.step", "table gain: `{at.step}` of a cell: no brace closes it"),
            ("{at.step:,}", "{at.step:x}", "table gain: `{at.step:x}` of a cell: expected a format"),
            ("*0.002048", "*x", "expected a number behind * or /"),
            ("{at.step:,}", "{at}", "`{at}` of a cell: neither a number nor text"),
            ("name = \"gain\"", "name = \"loss\"", "table loss: it has no line `<!-- table loss: written"),
        ] {
            assert!(FILE.contains(from), "{from}");
            let error = made(&FILE.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        // No file outside of the folder: such a name is text.
        assert!(
            made(&FILE.replace("note = \"n\"", "note = \"../x.json\"")).unwrap().contains("| ../x.json |")
        );
    }
}
