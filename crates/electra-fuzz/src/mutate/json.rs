//! Damage to trees of JSON: values at bounds, keys dropped, renamed and repeated, depth.

use rand::RngExt;
use rand::seq::IndexedRandom;
use serde_json::{Map, Value};

use super::values::{number, string};
use crate::rng::Rng;

/// Damages a value or a key of the tree.
pub fn damage_json(root: &mut Value, rng: &mut Rng) {
    let count = size(root);
    let source = rng.random_range(0..count);
    let copy = nth(root, &mut { source }).cloned().unwrap_or_default();
    // The whole is seldom replaced: it is one node among many, and every damage to it is much the same.
    let target = if count > 1 && rng.random_bool(0.98) { rng.random_range(1..count) } else { 0 };
    let Some(node) = nth(root, &mut { target }) else { return };
    match rng.random_range(0..10) {
        0..5 => *node = near(node, rng),
        5 => *node = any(rng),
        6 => *node = copy,
        _ => match node {
            Value::Object(table) if !table.is_empty() => damage_table(table, copy, rng),
            Value::Array(list) => damage_list(list, copy, rng),
            _ => *node = near(node, rng),
        },
    }
}

/// Damages the text of JSON in ways that a tree cannot have.
pub(super) fn damage_text(bytes: &mut Vec<u8>, rng: &mut Rng) {
    let depth = rng.random_range(100..20_000);
    match rng.random_range(0..4) {
        0 => *bytes = [b"[".repeat(depth), b"]".repeat(depth)].concat(),
        1 => *bytes = [b"{\"a\":".repeat(depth), b"1".to_vec(), b"}".repeat(depth)].concat(),
        2 => {
            // The whole table again behind its own keys: every key is there twice.
            let inner = bytes.iter().position(|&byte| byte == b'{').map(|at| at + 1);
            let end = bytes.iter().rposition(|&byte| byte == b'}');
            if let (Some(inner), Some(end)) = (inner, end)
                && inner < end
            {
                let copy = [&b","[..], &bytes[inner..end]].concat();
                bytes.splice(end..end, copy);
            }
        }
        _ => bytes.extend_from_slice(b" trailing"),
    }
}

/// A value like this one, at or beyond a bound.
fn near(value: &Value, rng: &mut Rng) -> Value {
    match value {
        Value::Bool(value) => (!value).into(),
        Value::Number(old) if !old.is_f64() && rng.random_bool(0.3) => {
            let old = old.as_i64().unwrap_or(0);
            let new = match rng.random_range(0..5) {
                0 => old.checked_add(1),
                1 => old.checked_sub(1),
                2 => old.checked_mul(2),
                3 => old.checked_neg(),
                _ => old.checked_div(2),
            };
            new.unwrap_or(0).into()
        }
        Value::Number(old) => any_number(!old.is_f64(), rng),
        Value::String(old) if rng.random_bool(0.4) => {
            let mut text: Vec<char> = old.chars().collect();
            let at = rng.random_range(0..=text.len());
            match rng.random_range(0..3) {
                0 => text.truncate(at),
                1 => drop(text.splice(at..at, string(rng).chars())),
                _ => text.extend_from_within(..),
            }
            text.into_iter().collect::<String>().into()
        }
        Value::String(_) => string(rng).into(),
        _ => any(rng),
    }
}

fn any_number(is_whole: bool, rng: &mut Rng) -> Value {
    serde_json::from_str(number(is_whole, rng)).unwrap_or_default()
}

fn any(rng: &mut Rng) -> Value {
    match rng.random_range(0..7) {
        0 => Value::Null,
        1 => rng.random_bool(0.5).into(),
        2 => string(rng).into(),
        3 => Value::Array(Vec::new()),
        4 => Value::Object(Map::new()),
        5 => vec![any_number(true, rng); rng.random_range(1..50)].into(),
        _ => any_number(rng.random_bool(0.5), rng),
    }
}

fn damage_table(table: &mut Map<String, Value>, copy: Value, rng: &mut Rng) {
    let keys: Vec<String> = table.keys().cloned().collect();
    let key = keys.choose(rng).cloned().unwrap_or_default();
    match rng.random_range(0..5) {
        0 => drop(table.remove(&key)),
        1 => {
            let value = table.remove(&key).unwrap_or_default();
            table.insert(string(rng), value);
        }
        2 => drop(table.insert(string(rng), copy)),
        3 => {
            let other = keys.choose(rng).cloned().unwrap_or_default();
            let (a, b) = (table.get(&key).cloned(), table.get(&other).cloned());
            table.insert(key, b.unwrap_or_default());
            table.insert(other, a.unwrap_or_default());
        }
        _ => drop(table.insert(key, copy)),
    }
}

fn damage_list(list: &mut Vec<Value>, copy: Value, rng: &mut Rng) {
    let at = rng.random_range(0..=list.len());
    match rng.random_range(0..5) {
        0 if at < list.len() => drop(list.remove(at)),
        1 => list.insert(at, copy),
        2 => list.truncate(at),
        3 if at < list.len() => list.insert(at, list[at].clone()),
        4 if !list.is_empty() => {
            let (last, other) = (list.len() - 1, rng.random_range(0..list.len()));
            list.swap(at.min(last), other);
        }
        _ => list.push(any(rng)),
    }
}

fn size(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(size).sum(),
        Value::Object(table) => table.values().map(size).sum(),
        _ => 0,
    }
}

/// The node at `left`, counted as [`size`] does.
fn nth<'a>(value: &'a mut Value, left: &mut usize) -> Option<&'a mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Array(list) => list.iter_mut().find_map(|child| nth(child, left)),
        Value::Object(table) => table.values_mut().find_map(|child| nth(child, left)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_node_has_a_number_and_damage_changes_the_tree() {
        let tree = json!({"a": [1, {"b": null}], "c": "x"});
        let mut copy = tree.clone();
        assert_eq!(size(&tree), 6);
        let found: Vec<Value> = (0..6).map(|n| nth(&mut copy, &mut { n }).cloned().unwrap()).collect();
        assert_eq!(
            found[1..],
            [json!([1, {"b": null}]), json!(1), json!({"b": null}), json!(null), json!("x")]
        );
        assert!(nth(&mut copy, &mut { 6 }).is_none());
        let mut rng = Rng::seed_from_u64(1);
        let changed = (0..200).filter(|_| {
            let mut damaged = tree.clone();
            damage_json(&mut damaged, &mut rng);
            damaged != tree
        });
        assert!(changed.count() > 150);
    }
}
