//! Pickles that were made to do harm: by what they call for, by what they take, and by where they lead.

use crate::archive::archive;
use crate::{fixture, read, read_bytes, refused};

/// An archive with a pickle of these instructions, and a storage of three numbers.
fn with_pickle(instructions: &[u8]) -> Vec<u8> {
    let pickle = [b"\x80\x02", instructions].concat();
    archive(&[("a/data.pkl", &pickle), ("a/data/0", &[0; 12])])
}

/// Instructions that make a tensor of a storage of three numbers, given what they say of its place and shape.
fn tensor(place: &[u8], shape: &[u8], strides: &[u8]) -> Vec<u8> {
    [
        &b"}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n"[..],
        b"X\x01\0\0\x000X\x03\0\0\0cpuK\x03tQ",
        place,
        shape,
        strides,
        b"\x89}tRs.",
    ]
    .concat()
}

#[test]
fn a_call_that_weights_do_not_need_is_refused_by_name_and_not_made() {
    for (name, called) in
        [("call.bin", "posix.system"), ("call-older.bin", "posix.system"), ("eval.bin", "__builtin__.eval")]
    {
        let error = read(&fixture(name)).unwrap_err();
        for part in [
            &format!("calls for {called} at byte "),
            "nothing of it was run",
            "do not load this file in Python",
        ] {
            assert!(error.contains(part), "{name}: {part:?} is not in: {error}");
        }
    }
    for instructions in [
        &b"cos\nsystem\nX\x02\0\0\0ls\x85R."[..],
        b"X\x02\0\0\0osX\x06\0\0\0system\x93.",
        b"ctorch\nload\n.",
        b"ctorch._utils\n_rebuild_sparse_tensor\n.",
        b"ccollections\nOrderedDict.__reduce__\n.",
    ] {
        refused(&with_pickle(instructions), &["its pickle calls for ", "nothing of it was run"]);
    }
    // Instructions that make objects in other ways.
    for instructions in [&b"(ios\nsystem\n."[..], b")\x81.", b"(o.", b"\x82\x01.", b"P0\n.", b"B\x01\0\0\0a."]
    {
        refused(&with_pickle(instructions), &["its pickle is not that of a state_dict", "the instruction `"]);
    }
    for instructions in [
        &b"K\x01)R."[..],
        b"ccollections\nOrderedDict\nK\x01R.",
        b"ccollections\nOrderedDict\n}\x85R.",
        b"ctorch\nFloatStorage\n)R.",
        b"ctorch._utils\n_rebuild_parameter\nK\x01\x85R.",
        b"]}b.",
        b"K\x01Q.",
    ] {
        refused(&with_pickle(instructions), &["its pickle is not that of a state_dict: at byte "]);
    }
}

#[test]
fn a_pickle_that_takes_what_is_not_there_or_ends_early_is_refused() {
    for instructions in [
        &b"t."[..],
        b"0.",
        b"(0.",
        b"h\x00.",
        b"q\x00.",
        b".",
        b"a.",
        b"]a.",
        b"}K\x01s.",
        b"}(K\x01u.",
        b"(.",
    ] {
        refused(&with_pickle(instructions), &["its pickle is not that of a state_dict"]);
    }
    for instructions in
        [&b""[..], b"X", b"X\xff\xff\xff\xffa", b"\x8a\x08a", b"ctorch", b"ctorch\n", b"\x95\0", b"K"]
    {
        refused(&with_pickle(instructions), &["cut short: its pickle ends at byte "]);
    }
}

#[test]
fn a_small_file_does_not_take_much_memory() {
    let many = |one: &[u8], count: usize| one.repeat(count);
    refused(&with_pickle(&many(b"]", 2 << 20)), &["more than 1048576 instructions"]);
    refused(&with_pickle(&many(b"(", 2 << 20)), &["more than 1048576 instructions"]);
    refused(&with_pickle(&vec![b'N'; 17 << 20]), &["more than 16777216 bytes"]);
    // A list that holds itself, and lists of lists, are values like others, and dropped like others.
    let deep = [&many(b"]", 100_000)[..], &many(b"a", 99_999), b"."].concat();
    refused(&with_pickle(&deep), &["it holds a list, expected tensors by name"]);
    refused(&with_pickle(b"]q\0h\0a."), &["it holds a list"]);
    // Each level has the one before twice: 2^1000 at its bottom.
    let doubled = [&b"]q\0"[..], &many(b"]h\0ah\0aq\0", 1000), b"."].concat();
    refused(&with_pickle(&doubled), &["it holds a list"]);
    // Sizes that many tensors share are copied for each: they cannot be many.
    let axes = [b"(", &many(b"K\x01", 9)[..], b"t"].concat();
    refused(&with_pickle(&tensor(b"K\0", &axes, &axes)), &["a tensor has sizes that are none"]);
    // A name that is long is not copied for each tensor that has it.
    let long = [&b"}X\0\x08\0\0"[..], &[b'a'; 2048], b"Ns."].concat();
    refused(&with_pickle(&long), &["a name of more than 1000 bytes"]);
}

#[test]
fn tensors_lie_in_their_storage() {
    let three = read_bytes(&with_pickle(&tensor(b"K\0", b"K\x03\x85", b"K\x01\x85"))).unwrap();
    assert_eq!(three["w"].try_to_vec::<f32>().unwrap(), [0.0; 3]);
    for (place, shape, strides) in [
        (&b"K\x01"[..], &b"K\x03\x85"[..], &b"K\x01\x85"[..]),
        (b"K\0", b"K\x04\x85", b"K\x01\x85"),
        (b"K\0", b"K\x03\x85", b"K\x02\x85"),
        (b"K\0", b"J\xff\xff\xff\x7f\x85", b"K\0\x85"),
        (b"K\0", b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7fK\x04\x86", b"K\0K\0\x86"),
        (
            b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f",
            b"K\x02\x85",
            b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85",
        ),
    ] {
        refused(
            &with_pickle(&tensor(place, shape, strides)),
            &["w: shape [", "leaves its storage of 3 elements"],
        );
    }
    for (place, shape, strides) in [
        (&b"K\0"[..], &b"J\xff\xff\xff\xff\x85"[..], &b"K\x01\x85"[..]),
        (b"J\xff\xff\xff\xff", b"K\x01\x85", b"K\x01\x85"),
        (b"K\0", b"K\x03\x85", b"K\x01K\x01\x86"),
        (b"K\0", b"K\x03", b"K\x01"),
        (b"K\0", b"\x8a\x09\0\0\0\0\0\0\0\0\x01\x85", b"K\x01\x85"),
    ] {
        refused(&with_pickle(&tensor(place, shape, strides)), &["a tensor has sizes that are none"]);
    }
}

#[test]
fn storages_are_in_the_archive_whole_and_nowhere_else() {
    let pickle = |storage: &str| {
        let whole = tensor(b"K\0", b"K\x03\x85", b"K\x01\x85");
        let at = whole.windows(6).position(|window| window == b"\x01\0\0\x000X").unwrap();
        let name = [&(storage.len() as u32).to_le_bytes()[..], storage.as_bytes()].concat();
        [b"\x80\x02", &whole[..at], &name, &whole[at + 5..]].concat()
    };
    let one = |key: &str, name: &str, bytes: usize| {
        archive(&[("a/data.pkl", &pickle(key)), (name, &vec![0; bytes])])
    };
    assert!(read_bytes(&one("7", "a/data/7", 12)).is_ok());
    refused(&one("7", "a/data/0", 12), &["it has no data/7"]);
    refused(&one("7", "b/data/7", 12), &["it has no data/7"]);
    refused(&one("../../../etc/passwd", "a/data/7", 12), &["it has no data/../../../etc/passwd"]);
    refused(&one("7", "a/data/7", 8), &["w: its storage has 8 bytes, expected 12"]);
    refused(&one("7", "a/data.pkl", 8), &["\"a/data.pkl\" is in it twice"]);
    refused(&archive(&[("a/b/data.pkl", b"N."), ("x", b"")]), &["it has no data.pkl"]);
    refused(&archive(&[]), &["it has no data.pkl"]);
    let whole = one("7", "a/data/7", 12);
    let packed = whole.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    let change = |at: usize, to: &[u8]| {
        let mut changed = whole.clone();
        changed[at..at + to.len()].copy_from_slice(to);
        changed
    };
    refused(&change(packed + 10, &[8]), &["data/7 in it is compressed or encrypted"]);
    refused(&change(packed + 8, &[1]), &["data/7 in it is compressed or encrypted"]);
    refused(&change(packed + 42, &[0xff; 3]), &["it is cut short: data/7 ends at byte "]);
    refused(&change(packed + 42, &[5]), &["data/7 is not where its directory says"]);
    refused(&change(packed + 42, &[0xff; 4]), &["its directory is not whole"]);
    let end = whole.len() - 22;
    refused(&change(end + 16, &[0xff; 3]), &["its directory is not where its end says"]);
    refused(&change(end + 16, &[0xff; 4]), &["its end has no lengths of 64 bits"]);
    refused(&change(end + 12, &[1, 0]), &["its directory is not whole"]);
    let big = archive(&[("a/data.pkl", &pickle("7")), ("a/data/7", &[0; 12]), ("a/byteorder", b"big")]);
    refused(&big, &["its numbers are big-endian"]);
}

#[test]
fn a_weight_that_is_no_number_is_named_with_its_place() {
    let pickle = [b"\x80\x02", &tensor(b"K\0", b"K\x03\x85", b"K\x01\x85")[..]].concat();
    let numbers = [1.0f32, f32::NAN, 2.0].map(f32::to_le_bytes).concat();
    refused(
        &archive(&[("a/data.pkl", &pickle), ("a/data/0", &numbers)]),
        &["w is NaN at [1], expected finite"],
    );
}
