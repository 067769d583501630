//! Which columns a file has: separator, tokens, tags.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::error::ReadError;
use super::misc;
use super::options::ReadOptions;
use super::separator::Separator;
use crate::scheme::{looks_like_tag, parse};
use crate::words::trimmed;

/// The columns of a file; numbers count from 0 here.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub separator: Separator,
    /// The number of columns of most lines.
    pub columns: usize,
    pub token: usize,
    pub tag: usize,
    /// Gold tags, where `tag` holds predicted ones.
    pub gold: Option<usize>,
    /// Whether the first column numbers the tokens.
    pub numbered: bool,
    /// The key of the tags where their column has several things, each with a key (CoNLL-U).
    pub key: Option<String>,
}

/// Lines in columns, `L` iterates over those with tokens, each with whether a sentence starts there.
/// They are gone through again for each question: cells in memory would take many times the file.
struct Rows<L> {
    lines: L,
    /// Whether lines that begin with # may be rows.
    with_hash: bool,
    separator: Separator,
    /// The number of columns of most lines; the others are no rows.
    columns: usize,
}

/// The statistics of one column.
#[derive(Clone, Default)]
struct Column<'a> {
    /// Rows with something like a tag in it.
    like_tags: usize,
    /// Types of its tags.
    types: BTreeSet<&'a str>,
}

impl<'a, L: Iterator<Item = (&'a str, bool)> + Clone> Rows<L> {
    fn find(lines: L, separator: Option<Separator>) -> Self {
        // Lines that begin with # may be comments, and say nothing unless there are no others.
        let with_hash = lines.clone().all(|(line, _)| line.starts_with('#'));
        let mut all = Self { lines, with_hash, separator: Separator::Tab, columns: 0 };
        all.separator = separator.unwrap_or_else(|| {
            let tabbed = all.certain().filter(|(line, _)| Separator::Tab.cells(line).len() > 1).count();
            if tabbed * 2 >= all.certain().count() { Separator::Tab } else { Separator::Space }
        });
        all.columns = most_frequent(all.certain().map(|(line, _)| all.separator.cells(line).len()));
        all
    }

    /// Lines that are no comments.
    fn certain(&self) -> impl Iterator<Item = (&'a str, bool)> {
        let with_hash = self.with_hash;
        self.lines.clone().filter(move |(line, _)| with_hash || !line.starts_with('#'))
    }

    /// The cells of each row, with whether a sentence starts there.
    fn iter(&self) -> impl Iterator<Item = (Vec<&'a str>, bool)> {
        let (separator, columns) = (self.separator, self.columns);
        let cells =
            self.certain().map(move |(line, starts_sentence)| (separator.cells(line), starts_sentence));
        cells.filter(move |(cells, _)| cells.len() == columns)
    }

    /// Every column, and the number of rows.
    fn columns(&self) -> (Vec<Column<'a>>, usize) {
        let (mut columns, mut rows) = (vec![Column::default(); self.columns], 0);
        for (cells, _) in self.iter() {
            rows += 1;
            for (column, cell) in columns.iter_mut().zip(cells) {
                let cell = trimmed(cell);
                column.like_tags += usize::from(looks_like_tag(cell));
                column.types.extend(parse(cell).filter(|tag| tag.letter != 'O').map(|tag| tag.kind));
            }
        }
        (columns, rows)
    }

    /// Whether the first column counts the tokens of every sentence, from 0 or 1.
    fn number_tokens(&self) -> bool {
        let (mut before, mut is_empty) = (None, true);
        let all_fit = self.iter().all(|(cells, starts_sentence)| {
            is_empty = false;
            let number = is_number(cells[0]);
            let fits = match (number, before) {
                (Some(Number::Of(now)), _) if starts_sentence => now <= 1,
                (Some(Number::Of(now)), Some(before)) => now > before || now <= 1,
                (Some(_), _) => true,
                (None, _) => false,
            };
            match number {
                Some(Number::Of(now)) => before = Some(now),
                _ if starts_sentence => before = None,
                _ => {}
            }
            fits
        });
        all_fit && !is_empty
    }
}

impl Column<'_> {
    /// Whether nearly all rows have something like a tag in it: one in ten may be wrong, and is named
    /// when it is read.
    fn holds_tags(&self, rows: usize) -> bool {
        self.like_tags * 10 >= rows * 9
    }
}

impl Layout {
    /// Finds out what `options` do not say. `lines` are those with tokens, each with whether a
    /// sentence starts there.
    pub(super) fn find<'a>(
        path: &Path,
        lines: impl Iterator<Item = (&'a str, bool)> + Clone,
        options: &ReadOptions,
    ) -> Result<Self, ReadError> {
        let rows = Rows::find(lines, options.separator);
        let Rows { separator, columns, .. } = rows;
        // From 1 to from 0.
        let given = |column: Option<usize>| column.map(|column| column.saturating_sub(1));
        let mut key = None;
        let tag = match given(options.tag_column) {
            Some(tag) => tag,
            None => {
                let (found, count) = rows.columns();
                let is_conllu = columns == misc::COLUMNS && rows.number_tokens();
                if is_conllu && !found.iter().any(|column| column.holds_tags(count)) {
                    key = misc::key_of_tags(rows.iter().map(|(cells, _)| cells[misc::COLUMNS - 1]));
                }
                match key {
                    Some(_) => misc::COLUMNS - 1,
                    None => find_tags(path, (found, count), given(options.token_column))?,
                }
            }
        };
        let numbered = columns > 2 && tag != 0 && rows.number_tokens();
        let first = usize::from(numbered);
        let token = given(options.token_column).unwrap_or(if first == tag { first + 1 } else { first });
        if token == tag && columns > 1 {
            return Err(ReadError::OneColumn { path: path.to_owned(), column: tag + 1 });
        }
        Ok(Layout { separator, columns, token, tag, gold: None, numbered: numbered && token != 0, key })
    }

    /// The columns of predictions: the predicted tags in the column asked for, else in the last, and the
    /// gold tags in the one before it, as the `conlleval` script reads them. If gold tags come from
    /// elsewhere, the column before holds gold tags only if it shares a type with the predicted ones.
    pub(super) fn of_predictions<'a>(
        lines: impl Iterator<Item = (&'a str, bool)> + Clone,
        column: Option<usize>,
        has_gold: bool,
    ) -> Self {
        let rows = Rows::find(lines, None);
        let Rows { separator, columns, .. } = rows;
        let (found, count) = rows.columns();
        let tag = column.map_or(columns.saturating_sub(1), |column| column.saturating_sub(1));
        let before = tag.checked_sub(1).filter(|&before| before > 0 && before < columns);
        let is_numbered = columns > 2 && rows.number_tokens();
        let gold = before.filter(|&before| {
            let holds_tags = found[before].holds_tags(count);
            if !has_gold {
                return before > 1 || !is_numbered || holds_tags;
            }
            let (gold, predicted) = (&found[before].types, &found[tag.min(columns - 1)].types);
            holds_tags && !gold.is_empty() && (predicted.is_empty() || !gold.is_disjoint(predicted))
        });
        let numbered = is_numbered && gold != Some(1) && tag != 1;
        let first = usize::from(numbered);
        let token = if first == tag { first + 1 } else { first };
        Layout { separator, columns, token, tag, gold, numbered, key: None }
    }

    /// Whether a line that begins with `#` is a token and no comment.
    pub(super) fn is_token(&self, line: &str) -> bool {
        let cells = self.separator.cells(line);
        let holds_tag = |column: usize| looks_like_tag(trimmed(cells.get(column).unwrap_or(&"")));
        cells.len() == self.columns
            && (holds_tag(self.tag) || self.gold.is_some_and(holds_tag))
            && !(self.numbered && is_number(cells[0]).is_none())
    }

    /// The number of columns that a line needs at least.
    pub(super) fn needed(&self) -> usize {
        self.token.max(self.tag) + 1
    }
}

/// The last column of tags.
fn find_tags(
    path: &Path,
    (columns, rows): (Vec<Column<'_>>, usize),
    token: Option<usize>,
) -> Result<usize, ReadError> {
    let holds_tags = |&column: &usize| Some(column) != token && columns[column].holds_tags(rows);
    let candidates: Vec<usize> = (1..columns.len()).filter(holds_tags).collect();
    let Some(&last) = candidates.last() else {
        let first = Some(0).filter(|_| columns.len() > 1).filter(holds_tags);
        let score = |column: usize| columns[column].like_tags;
        let best = || (0..columns.len()).filter(|&c| score(c) > 0 && c > 0).max_by_key(|&c| score(c));
        return Ok(first.or_else(best).unwrap_or(columns.len().saturating_sub(1)));
    };
    let last_types = &columns[last].types;
    for &other in candidates.iter().filter(|&&other| other != last) {
        let types = &columns[other].types;
        // A column without entities is no rival; neither are chunks, whose types are others.
        let is_rival = !types.is_empty() && (last_types.is_empty() || !types.is_disjoint(last_types));
        if is_rival {
            let (path, first, second) = (path.to_owned(), other + 1, last + 1);
            return Err(ReadError::SeveralTagColumns { path, first, second });
        }
    }
    Ok(last)
}

/// The value of a cell in a column of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// The number of a word.
    Of(u64),
    /// A range or a decimal of CoNLL-U, which stand for no word of their own.
    NoWord,
}

/// Reads a cell of a column of numbers.
pub(super) fn is_number(cell: &str) -> Option<Number> {
    let whole = |text: &str| text.parse::<u64>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    if let Some(number) = whole(cell) {
        return Some(Number::Of(number));
    }
    let (one, other) = cell.split_once(['-', '.'])?;
    whole(one).and(whole(other)).map(|_| Number::NoWord)
}

/// The most frequent number; the greatest of several, and 0 of none.
fn most_frequent(numbers: impl Iterator<Item = usize>) -> usize {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    numbers.for_each(|number| *counts.entry(number).or_default() += 1);
    counts.into_iter().map(|(number, count)| (count, number)).max().map_or(0, |(_, number)| number)
}

#[cfg(test)]
mod tests {
    use electra_files::shown::with_help;

    use super::*;

    /// Separator, token and tag column (from 1) of a file with these lines; a blank one divides.
    fn found(text: &str) -> Result<(Separator, usize, usize), String> {
        let mut starts = true;
        let mut lines = Vec::new();
        for line in text.split('\n') {
            if line.is_empty() {
                starts = true;
            } else {
                lines.push((line, std::mem::take(&mut starts)));
            }
        }
        let layout = Layout::find(Path::new("a"), lines.iter().copied(), &ReadOptions::default());
        layout.map(|l| (l.separator, l.token + 1, l.tag + 1)).map_err(|error| with_help(&error))
    }

    #[test]
    fn columns_are_told_by_what_is_in_them() {
        use Separator::{Space, Tab};
        for (text, expected) in [
            ("New York\tB-LOC\nis\tO", (Tab, 1, 2)),
            // As in CoNLL-2003: part of speech, chunk, entity.
            ("EU NNP I-NP I-ORG\nrejects VBZ I-VP O", (Space, 1, 4)),
            // A third column that is all O, as in the filings of the SEC.
            ("EU NNP O I-ORG\nrejects VBZ O O", (Space, 1, 4)),
            // As in Universal NER: number, token, tag, nothing, annotator.
            ("1\tHej\tO\t-\tann\n2\tOle\tB-PER\t-\tann\n\n1\tTak\tO\t-\tann", (Tab, 2, 3)),
            ("0 Rom B-LOC\n1 und O\n\n0 Athen B-LOC", (Space, 2, 3)),
            // Tags first.
            ("O\twhere\nB-Cuisine\tsushi", (Tab, 2, 1)),
            // Numbers that count nothing are tokens.
            ("7 CD O\n7 CD O", (Space, 1, 3)),
            // An unknown letter does not hide the column.
            ("a O x\nb Q-LOC y", (Space, 1, 2)),
        ] {
            assert_eq!(found(text), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn two_columns_of_the_same_types_are_for_the_user_to_choose_from() {
        for text in ["1 Kiel B-LOC O\n2 SV B-ORG B-LOC", "Kiel B-LOC O\nSV O O"] {
            let error = found(text).unwrap_err();
            assert!(error.contains("both look like the tags") && error.contains("; choose "), "{error}");
        }
    }
}
