//! Damage to safetensors files: the header as the JSON that it is, with its length set again.

use rand::RngExt;
use serde_json::Value;

use super::bytes::damage_bytes;
use super::json::damage_json;
use crate::rng::Rng;

/// Tensors that would be larger are not made as large as their header says.
const MAX_BYTES: u64 = 1 << 20;

/// Damages the header, the tensors, or what stands between them.
pub(super) fn damage(bytes: &mut Vec<u8>, rng: &mut Rng) {
    let Some((mut header, tensors)) = split(bytes) else { return damage_bytes(bytes, rng) };
    match rng.random_range(0..10) {
        0..6 => damage_json(&mut header, rng),
        6 => return damage_bytes(bytes, rng),
        7 => {
            // Values that are no numbers: not NaN alone, all that floats have.
            let mut tensors = tensors.to_vec();
            let at = rng.random_range(0..=tensors.len().saturating_sub(4)) & !3;
            let odd = [f32::NAN, f32::INFINITY, f32::MAX, f32::MIN_POSITIVE / 2.0][rng.random_range(0..4)];
            for (place, byte) in tensors.iter_mut().skip(at).zip(odd.to_le_bytes()) {
                *place = byte;
            }
            *bytes = join(&header, &tensors);
            return;
        }
        _ => drop(remove_or_rename(&mut header, rng)),
    }
    let mut tensors = tensors.to_vec();
    if rng.random_bool(0.6) {
        lay_out(&mut header, &mut tensors);
    }
    *bytes = join(&header, &tensors);
}

fn split(bytes: &[u8]) -> Option<(Value, &[u8])> {
    let length = usize::try_from(u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?)).ok()?;
    let end = length.checked_add(8)?;
    Some((serde_json::from_slice(bytes.get(8..end)?).ok()?, bytes.get(end..)?))
}

fn join(header: &Value, tensors: &[u8]) -> Vec<u8> {
    let mut text = header.to_string().into_bytes();
    // Writers begin tensors at multiples of eight.
    text.resize(text.len().next_multiple_of(8), b' ');
    [&(text.len() as u64).to_le_bytes(), &text[..], tensors].concat()
}

fn remove_or_rename(header: &mut Value, rng: &mut Rng) -> Option<()> {
    let table = header.as_object_mut()?;
    let names: Vec<String> = table.keys().cloned().collect();
    let name = &names[rng.random_range(0..names.len().max(1))..].first()?.clone();
    let tensor = table.remove(name)?;
    if rng.random_bool(0.6) {
        table.insert(format!("{name}.other"), tensor);
    }
    Some(())
}

/// Gives every tensor the bytes that its type and shape ask for, one behind the other.
fn lay_out(header: &mut Value, tensors: &mut Vec<u8>) -> Option<()> {
    let mut at = 0u64;
    for (name, tensor) in header.as_object_mut()? {
        if name == "__metadata__" {
            continue;
        }
        let width: u64 = match tensor.get("dtype").and_then(Value::as_str) {
            Some("F64" | "I64" | "U64") => 8,
            Some("F16" | "BF16" | "I16" | "U16") => 2,
            Some("U8" | "I8" | "BOOL") => 1,
            _ => 4,
        };
        let sizes = tensor.get("shape").and_then(Value::as_array)?;
        let count = sizes.iter().try_fold(width, |count, size| count.checked_mul(size.as_u64()?))?;
        let end = at.checked_add(count).filter(|end| *end <= MAX_BYTES)?;
        *tensor.get_mut("data_offsets")? = vec![at, end].into();
        at = end;
    }
    tensors.resize(usize::try_from(at).ok()?, 0);
    Some(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tensors_get_the_bytes_that_their_shapes_ask_for() {
        let mut header = json!({
            "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 4]},
            "b": {"dtype": "I64", "shape": [1], "data_offsets": [4, 12]},
        });
        let mut tensors = vec![1; 12];
        lay_out(&mut header, &mut tensors).unwrap();
        assert_eq!(header["a"]["data_offsets"], json!([0, 24]));
        assert_eq!(header["b"]["data_offsets"], json!([24, 32]));
        assert_eq!(tensors.len(), 32);
        let bytes = join(&header, &tensors);
        assert_eq!(split(&bytes), Some((header, &tensors[..])));
    }
}
