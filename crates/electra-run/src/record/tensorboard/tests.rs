//! Event files read back record by record, with a reader of their own that checks the CRCs.

use std::collections::BTreeSet;
use std::fs;

use tensorboard_proto::event::SessionLog_SessionStatus;
use tensorboard_proto::plugin_hparams::HParamsPluginData;

use super::*;

/// All events of a directory, in the order in which TensorBoard reads them.
fn events(directory: &Path) -> Vec<Event> {
    let paths: BTreeSet<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths
        .iter()
        .flat_map(|path| records(&fs::read(path).unwrap()))
        .map(|bytes| Event::parse_from_bytes(&bytes).unwrap())
        .collect()
}

/// TFRecord: length (u64), its CRC, content, its CRC; all little endian.
fn records(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        assert_eq!(u32::from_le_bytes(bytes[8..12].try_into().unwrap()), masked_crc(&bytes[..8]));
        let content = &bytes[12..12 + length];
        assert_eq!(
            u32::from_le_bytes(bytes[12 + length..16 + length].try_into().unwrap()),
            masked_crc(content)
        );
        records.push(content.to_vec());
        bytes = &bytes[16 + length..];
    }
    records
}

/// CRC-32C bit by bit, rotated and shifted as TensorFlow does.
fn masked_crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    (!crc).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[test]
fn the_readers_crc_is_crc32c() {
    // The check value of CRC-32C is e3069283 for "123456789".
    assert_eq!(masked_crc(b"123456789"), 0xe306_9283u32.rotate_right(15).wrapping_add(0xa282_ead8));
}

#[test]
fn scalars_and_text_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let board = TensorBoard::open(folder.path(), None);
    board.scalars(7, &[("train/loss", 1.5), ("train/grad_norm", f64::INFINITY)]);
    board.recipe(0, "seed = 1\n[train]");
    drop(board);
    let events = events(folder.path());
    assert_eq!(events.len(), 4);
    assert_eq!(events[0].get_file_version(), "brain.Event:2");
    assert!(events[0].wall_time > 1.7e9);
    assert_eq!((events[1].step, events[1].get_session_log().status), (0, SessionLog_SessionStatus::START));
    let values = &events[2].get_summary().value;
    assert_eq!(
        (events[2].step, values[0].tag.as_str(), values[0].get_simple_value()),
        (7, "train/loss", 1.5)
    );
    assert_eq!(values[1].get_simple_value(), f32::INFINITY);
    let text = &events[3].get_summary().value[0];
    assert_eq!(text.tag, "recipe/text_summary");
    assert_eq!(text.get_metadata().get_plugin_data().plugin_name, "text");
    assert_eq!(text.get_tensor().string_val[0], b"    seed = 1\n    [train]\n");
}

#[test]
fn histograms_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let board = TensorBoard::open(folder.path(), None);
    board.histogram(3, "weights", vec![0.5, -0.5, 0.5]);
    board.histogram(4, "weights", vec![f32::NAN]);
    drop(board);
    let events = events(folder.path());
    assert_eq!(events.len(), 3, "the histogram of nothing is not written");
    let histogram = events[2].get_summary().value[0].get_histo();
    assert_eq!((histogram.num, histogram.min, histogram.max), (3.0, -0.5, 0.5));
    assert_eq!(histogram.bucket, [1.0, 0.0, 2.0]);
}

#[test]
fn hparams_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let board = TensorBoard::open(folder.path(), None);
    let hparams = [
        ("train.learning_rate".to_owned(), HParam::Number(5e-4)),
        ("objective.kind".to_owned(), HParam::Text("rtd".to_owned())),
        ("tied".to_owned(), HParam::Flag(true)),
    ];
    board.hparams(&hparams, &["eval/loss"]);
    board.end(true);
    drop(board);
    let data: Vec<HParamsPluginData> = events(folder.path())[2..]
        .iter()
        .map(|event| {
            let plugin = event.get_summary().value[0].get_metadata().get_plugin_data();
            assert_eq!(plugin.plugin_name, "hparams");
            HParamsPluginData::parse_from_bytes(&plugin.content).unwrap()
        })
        .collect();
    let names: Vec<&str> =
        data[0].get_experiment().hparam_infos.iter().map(|info| info.name.as_str()).collect();
    assert_eq!(names, ["train.learning_rate", "objective.kind", "tied"]);
    assert_eq!(data[0].get_experiment().metric_infos[0].get_name().tag, "eval/loss");
    let values = &data[1].get_session_start_info().hparams;
    assert_eq!(values["train.learning_rate"].get_number_value(), 5e-4);
    assert_eq!(values["objective.kind"].get_string_value(), "rtd");
    assert!(values["tied"].get_bool_value());
    assert_eq!(data[2].get_session_end_info().status, tensorboard_proto::api::Status::STATUS_SUCCESS);
}

#[test]
fn a_resumed_run_says_from_which_step_on_the_past_is_void() {
    let folder = tempfile::tempdir().unwrap();
    let first = TensorBoard::open(folder.path(), None);
    (1..=5).for_each(|step| first.scalars(step, &[("loss", 1.0)]));
    drop(first);
    let second = TensorBoard::open(folder.path(), Some(3));
    second.scalars(4, &[("loss", 2.0)]);
    drop(second);
    // Both within one second: neither file may have replaced the other.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    let events = events(folder.path());
    assert_eq!(events.len(), 7 + 3);
    assert_eq!(events[8].get_session_log().status, SessionLog_SessionStatus::START);
    assert_eq!(events[8].step, 4);
}

#[test]
fn flushed_events_are_in_the_file_while_the_writer_lives() {
    let folder = tempfile::tempdir().unwrap();
    let board = TensorBoard::open(folder.path(), None);
    board.scalars(1, &[("loss", 1.0)]);
    board.flush();
    assert_eq!(events(folder.path()).len(), 3);
    assert_eq!(board.failure(), None);
}

#[test]
fn a_directory_that_cannot_be_written_costs_a_warning_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let board = TensorBoard::open(file.join("tensorboard"), None);
    (0..1_000).for_each(|step| board.scalars(step, &[("loss", 1.0)]));
    board.histogram(1, "weights", vec![1.0]);
    board.flush();
    let failure = board.failure().unwrap();
    assert!(failure.contains("file/tensorboard") && failure.contains("Not a directory"), "{failure}");
}
