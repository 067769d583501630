//! Names, numbers, schemes.

use super::*;

fn strings(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn sentence(tags: &str) -> crate::Sentence {
    let tags = strings(tags);
    crate::Sentence { tokens: tags.iter().map(|_| "w".to_string()).collect(), tags, document: 0, line: 1 }
}

#[test]
fn labels_are_numbered_by_the_names_of_their_types() {
    let sentences = vec![sentence("O B-PER I-PER O"), sentence("B-LOC")].into();
    let labels = LabelSet::of(&sentences, LabelScheme::Iob2);
    assert_eq!(labels.names(), strings("O B-LOC I-LOC B-PER I-PER"));
    assert_eq!(labels, LabelSet::new(["PER", "LOC", "PER"], LabelScheme::Iob2));
    assert_eq!(labels.counts(&sentences), [2, 1, 0, 1, 1]);
    let labels = LabelSet::new(["PER"], LabelScheme::Iobes);
    assert_eq!(labels.names(), strings("O B-PER I-PER E-PER S-PER"));
}

#[test]
fn tags_that_training_lacks_have_no_label_and_are_counted() {
    let labels = LabelSet::new(["PER"], LabelScheme::Iob2);
    let unseen = sentence("B-PER O B-LOC I-LOC B-LOC");
    assert_eq!(labels.encode(&unseen.tags), [Some(1), Some(0), None, None, None]);
    let expected = BTreeMap::from([("B-LOC".to_string(), 2), ("I-LOC".to_string(), 1)]);
    let sentences = vec![unseen].into();
    assert_eq!(labels.unknown(&sentences), expected);
    assert_eq!(LabelSet::new(["PER"], LabelScheme::Iobes).unknown(&sentences), expected);
}

#[test]
fn iob2_tags_become_iobes_labels_and_come_back() {
    let labels = LabelSet::new(["PER", "LOC"], LabelScheme::Iobes);
    let tags = strings("B-PER I-PER I-PER B-PER B-LOC I-LOC O B-LOC");
    let ids: Vec<usize> = labels.encode(&tags).into_iter().map(Option::unwrap).collect();
    let names: Vec<&str> = ids.iter().map(|&id| labels.names()[id].as_str()).collect();
    assert_eq!(names, strings("B-PER I-PER E-PER S-PER B-LOC E-LOC O S-LOC"));
    assert_eq!(labels.tags(&ids), tags);
    // After an E an I begins anew, as it does for seqeval; a change of type begins anew too.
    let ids: Vec<usize> =
        strings("E-PER I-PER I-LOC S-LOC E-LOC").iter().map(|name| labels.id(name).unwrap()).collect();
    assert_eq!(labels.tags(&ids), strings("B-PER B-PER B-LOC B-LOC B-LOC"));
}

#[test]
fn the_schemes_say_what_may_follow_what() {
    let allowed = |labels: &LabelSet, name: &str| -> String {
        let id = labels.id(name).unwrap();
        let next = (0..labels.len()).filter(|&next| labels.may_follow(id, next));
        next.map(|next| labels.names()[next].as_str()).collect::<Vec<_>>().join(" ")
    };
    let begin = |labels: &LabelSet| (0..labels.len()).filter(|&id| labels.may_begin(id)).count();
    let end = |labels: &LabelSet| (0..labels.len()).filter(|&id| labels.may_end(id)).count();

    let iob2 = LabelSet::new(["A", "B"], LabelScheme::Iob2);
    assert_eq!(allowed(&iob2, "O"), "O B-A B-B");
    assert_eq!(allowed(&iob2, "B-A"), "O B-A I-A B-B");
    assert_eq!(allowed(&iob2, "I-B"), "O B-A B-B I-B");
    assert_eq!((begin(&iob2), end(&iob2)), (3, 5));

    let iobes = LabelSet::new(["A", "B"], LabelScheme::Iobes);
    assert_eq!(allowed(&iobes, "O"), "O B-A S-A B-B S-B");
    assert_eq!(allowed(&iobes, "B-A"), "I-A E-A");
    assert_eq!(allowed(&iobes, "I-B"), "I-B E-B");
    assert_eq!(allowed(&iobes, "E-A"), "O B-A S-A B-B S-B");
    assert_eq!((begin(&iobes), end(&iobes)), (5, 5));
}

#[test]
fn names_of_no_scheme_forbid_nothing() {
    for names in ["LABEL_0 LABEL_1", "O PER", "O U-LOC B-PER S-PER M-LOC", "B-PER I-PER"] {
        let labels = LabelSet::from_names(strings(names)).unwrap();
        assert_eq!(labels.scheme(), None, "{names}");
        let last = labels.len() - 1;
        assert!(labels.may_begin(last) && labels.may_follow(0, last) && labels.may_end(last));
    }
    let labels = LabelSet::from_names(strings("B-PER I-PER O")).unwrap();
    assert_eq!(labels.scheme(), Some(LabelScheme::Iob2));
    assert_eq!(labels.kinds(), ["PER"]);
}

#[test]
fn the_tables_of_transformers_are_in_the_order_it_writes_them() {
    let kinds = (0..6).map(|i| format!("T{i}"));
    let labels = LabelSet::new(kinds, LabelScheme::Iob2);
    let id2label = labels.id2label();
    assert!(id2label.to_string().starts_with(r#"{"0":"O","1":"B-T0","2":"I-T0","3":"B-T1""#), "{id2label}");
    assert!(id2label.to_string().ends_with(r#""10":"I-T4","11":"B-T5","12":"I-T5"}"#), "{id2label}");
    assert!(labels.label2id().to_string().starts_with(r#"{"B-T0":1,"B-T1":3"#));
    assert_eq!(LabelSet::from_id2label(&id2label).unwrap(), labels);
}

#[test]
fn tables_that_do_not_name_every_number_are_refused() {
    let read = |text: &str| LabelSet::from_id2label(&serde_json::from_str(text).unwrap()).unwrap_err();
    assert_eq!(read("{}"), LabelError::Empty);
    assert!(matches!(read(r#"{"0": "O", "2": "B-PER"}"#), LabelError::Table { .. }));
    assert!(matches!(read(r#"{"0": "O", "one": "B-PER"}"#), LabelError::Table { .. }));
    assert!(matches!(read(r#"{"0": 1}"#), LabelError::Table { .. }));
    let twice = LabelError::Repeated { name: "O".into(), first: 0, second: 1 };
    assert_eq!(read(r#"{"0": "O", "1": "O"}"#), twice);
}

#[test]
fn labels_of_all_five_schemes_are_known_by_their_letters() {
    let set = |names: &str| LabelSet::from_names(strings(names)).unwrap();
    for (names, scheme, labels, tags) in [
        ("I-LOC I-PER B-PER O", LabelScheme::Iob1, "I-LOC O I-PER I-PER B-PER", "B-LOC O B-PER I-PER B-PER"),
        ("O B-PER I-PER B-LOC", LabelScheme::Iob2, "B-LOC O B-PER I-PER B-PER", "B-LOC O B-PER I-PER B-PER"),
        (
            "O B-PER E-PER S-LOC S-PER",
            LabelScheme::Iobes,
            "S-LOC O B-PER E-PER S-PER",
            "B-LOC O B-PER I-PER B-PER",
        ),
        (
            "O B-PER L-PER U-LOC U-PER",
            LabelScheme::Bilou,
            "U-LOC O B-PER L-PER U-PER",
            "B-LOC O B-PER I-PER B-PER",
        ),
        (
            "O B-PER M-PER E-PER S-LOC S-PER",
            LabelScheme::Bmes,
            "S-LOC O B-PER E-PER S-PER",
            "B-LOC O B-PER I-PER B-PER",
        ),
    ] {
        let set = set(names);
        assert_eq!(set.scheme(), Some(scheme), "{names}");
        assert_eq!(set.kinds(), ["LOC", "PER"], "{names}");
        let ids: Vec<usize> = strings(labels).iter().map(|name| set.id(name).unwrap()).collect();
        assert_eq!(set.tags(&ids), strings(tags), "{names}");
        assert_eq!(set.encode(&strings(tags)), ids.into_iter().map(Some).collect::<Vec<_>>(), "{names}");
    }
    // A set of types alone keeps names that only look like tags of another scheme.
    assert_eq!(set("O U-boat L-dopa PER").kinds(), ["L-dopa", "PER", "U-boat"]);
}

#[test]
fn a_set_for_training_is_of_its_scheme_and_reads_back_as_it() {
    for scheme in
        [LabelScheme::Iob1, LabelScheme::Iob2, LabelScheme::Iobes, LabelScheme::Bilou, LabelScheme::Bmes]
    {
        let labels = LabelSet::new(["PER", "LOC"], scheme);
        let tags = strings("B-PER I-PER I-PER B-PER B-LOC I-LOC O B-LOC");
        let ids: Vec<usize> = labels.encode(&tags).into_iter().map(Option::unwrap).collect();
        assert_eq!(labels.tags(&ids), tags, "{scheme:?}");
        let legal = labels.may_begin(ids[0])
            && ids.windows(2).all(|pair| labels.may_follow(pair[0], pair[1]))
            && labels.may_end(ids[7]);
        assert!(legal, "{scheme:?}");
        let read = LabelSet::from_id2label(&labels.id2label()).unwrap();
        assert_eq!(read.read_as(scheme), Some(labels), "{scheme:?}");
    }
    assert_eq!(LabelSet::new(["PER"], LabelScheme::Bilou).read_as(LabelScheme::Iobes), None);
}

#[test]
fn a_table_of_more_labels_than_their_pairs_have_room_is_refused() {
    let table = |count: usize| {
        let entries = (0..count).map(|id| (id.to_string(), Value::from(format!("L{id}"))));
        Value::Object(entries.collect())
    };
    assert_eq!(LabelSet::from_id2label(&table(8192)).unwrap().len(), 8192);
    let error = LabelSet::from_id2label(&table(8193)).unwrap_err();
    assert_eq!(error.to_string(), "id2label has 8193 labels, expected at most 8192");
}
