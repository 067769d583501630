//! Names, numbers, schemes.

use super::*;

fn strings(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn sentence(tags: &str) -> Sentence {
    let tags = strings(tags);
    Sentence { tokens: tags.iter().map(|_| "w".to_string()).collect(), tags, document: 0, line: 1 }
}

#[test]
fn labels_are_numbered_by_the_names_of_their_types() {
    let sentences = [sentence("O B-PER I-PER O"), sentence("B-LOC")];
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
    assert_eq!(labels.unknown(std::slice::from_ref(&unseen)), expected);
    assert_eq!(LabelSet::new(["PER"], LabelScheme::Iobes).unknown(&[unseen]), expected);
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
    for names in ["LABEL_0 LABEL_1", "O PER", "O B-LOC I-LOC I-PER", "B-PER I-PER"] {
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
