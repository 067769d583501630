//! The last column of CoNLL-U, which has everything that has no column: `SpaceAfter=No|NER=B-PER`.

use std::collections::BTreeMap;

use crate::scheme::parse;

/// Columns of CoNLL-U.
pub(super) const COLUMNS: usize = 10;

/// The value of a key.
pub(super) fn value<'a>(cell: &'a str, key: &str) -> Option<&'a str> {
    pairs(cell).find(|(found, _)| *found == key).map(|(_, value)| value)
}

fn pairs(cell: &str) -> impl Iterator<Item = (&str, &str)> {
    cell.split('|').filter_map(|pair| pair.split_once('='))
}

/// The only key whose values are all tags, and some of them tags of entities; none if there are several.
pub(super) fn key_of_tags<'a>(cells: impl Iterator<Item = &'a str>) -> Option<String> {
    // Whether all values so far were tags, and whether one was of an entity.
    let mut keys: BTreeMap<&str, (bool, bool)> = BTreeMap::new();
    for (key, value) in cells.flat_map(pairs) {
        // A bare letter may be anything.
        let tag = parse(value).filter(|tag| tag.letter == 'O' || value.len() > 2);
        let (are_tags, has_entity) = keys.entry(key).or_insert((true, false));
        *are_tags &= tag.is_some();
        *has_entity |= tag.is_some_and(|tag| tag.letter != 'O');
    }
    let mut found = keys.into_iter().filter(|(_, (are_tags, has_entity))| *are_tags && *has_entity);
    found.next().filter(|_| found.next().is_none()).map(|(key, _)| key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_tags_is_the_only_one_that_has_nothing_else() {
        let of = |cells: &[&str]| key_of_tags(cells.iter().copied());
        let cells = ["NER=B-PER|SpaceAfter=No", "_", "Gloss=I|NER=I-PER", "NER=O"];
        assert_eq!(of(&cells).as_deref(), Some("NER"));
        assert_eq!((value(cells[2], "NER"), value("_", "NER")), (Some("I-PER"), None));
        assert_eq!(of(&["NER=B-PER|NE=B-LOC"]), None, "two keys");
        assert_eq!(of(&["Entity=(person-1", "Entity=B-PER"]), None, "marks of coreference");
        assert_eq!(of(&["NER=O", "_"]), None, "no entity");
    }
}
