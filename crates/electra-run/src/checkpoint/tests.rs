//! Crashes, damage and full disks, each with the checkpoint that has to survive it.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use electra_files::shown::with_help;

use super::disk::DurableWrite;
use super::save::PIECE;
use super::*;

fn store(folder: &Path, keep_last: usize) -> CheckpointStore {
    CheckpointStore::open(folder, keep_last).unwrap()
}

/// Saves `step` with two blobs made from it.
fn save(store: &CheckpointStore, step: u64, metric: Option<f64>) {
    let text = format!("model of step {step}");
    store.save(step, &[("model", text.as_bytes()), ("state", &[step as u8; 3])], metric).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let mut names = entry_names(folder).unwrap();
    names.sort();
    names
}

/// The step found, its model, and the messages.
fn latest(store: &CheckpointStore) -> (Option<u64>, Option<String>, Vec<String>) {
    let found = store.latest_valid().unwrap();
    let model = found.checkpoint.as_ref().map(|c| String::from_utf8(c.load("model").unwrap()).unwrap());
    (found.checkpoint.map(|checkpoint| checkpoint.step), model, found.passed_over)
}

#[test]
fn what_was_saved_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 2);
    assert_eq!(latest(&store), (None, None, vec![]));
    save(&store, 7, Some(1.5));
    let checkpoint = store.latest_valid().unwrap().checkpoint.unwrap();
    assert_eq!((checkpoint.step, checkpoint.metric), (7, Some(1.5)));
    assert_eq!(checkpoint.names().collect::<Vec<_>>(), ["model", "state"]);
    assert_eq!(checkpoint.load("model").unwrap(), b"model of step 7");
    assert_eq!(checkpoint.load("state").unwrap(), [7, 7, 7]);
    assert!(checkpoint.load("other").unwrap_err().to_string().contains("no blob of that name"));
    assert_eq!(checkpoint.folder(), folder.path().join("step-0000000007"));
}

#[test]
fn readers_leave_a_save_under_way_alone() {
    let folder = tempfile::tempdir().unwrap();
    save(&store(folder.path(), 2), 7, None);
    let under_way = folder.path().join(format!("{}0000000008", SAVING));
    fs::create_dir(&under_way).unwrap();
    assert_eq!(latest(&CheckpointStore::reading(folder.path())).0, Some(7));
    assert!(under_way.exists());
    store(folder.path(), 2);
    assert!(!under_way.exists(), "the writer clears away what a crash left");
}

#[test]
fn the_manifest_has_length_and_hash_of_each_blob() {
    let folder = tempfile::tempdir().unwrap();
    // More than one piece, and not a whole number of them.
    let blob: Vec<u8> = (0..PIECE * 2 + 5).map(|i| (i % 251) as u8).collect();
    store(folder.path(), 1).save(1, &[("model", &blob)], None).unwrap();
    let manifest = Manifest::read(&folder.path().join("step-0000000001")).unwrap();
    assert_eq!(manifest.blobs[0].bytes, 2_097_157);
    assert_eq!(manifest.blobs[0].blake3, blake3::hash(&blob).to_hex().as_str());
}

#[test]
fn the_last_few_and_the_best_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 2);
    for (step, metric) in
        [(10, Some(3.0)), (20, Some(1.0)), (30, None), (40, Some(2.0)), (50, Some(f64::NAN))]
    {
        save(&store, step, metric);
    }
    assert_eq!(store.steps().unwrap(), [20, 40, 50]);
    assert_eq!(fs::read_to_string(folder.path().join(BEST)).unwrap(), "{\"step\":20,\"metric\":1.0}\n");
    save(&store, 60, Some(0.5));
    assert_eq!(store.steps().unwrap(), [50, 60]);
    assert_eq!(names(folder.path()), ["best.json", "step-0000000050", "step-0000000060"]);
}

#[test]
fn a_torn_blob_is_reported_and_the_previous_checkpoint_used() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 3);
    save(&store, 1, None);
    save(&store, 2, None);
    let torn = folder.path().join("step-0000000002/model");
    File::options().write(true).open(&torn).unwrap().set_len(5).unwrap();
    let (step, model, messages) = latest(&store);
    assert_eq!((step, model.as_deref()), (Some(1), Some("model of step 1")));
    assert_eq!(messages, [format!("{}: has 5 bytes, 15 were saved", torn.display())]);
}

#[test]
fn a_flipped_bit_is_reported_and_the_previous_checkpoint_used() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 3);
    (1..=3).for_each(|step| save(&store, step, None));
    let flipped = folder.path().join("step-0000000003/model");
    let mut bytes = fs::read(&flipped).unwrap();
    bytes[4] ^= 1;
    fs::write(&flipped, bytes).unwrap();
    fs::remove_file(folder.path().join("step-0000000002/state")).unwrap();
    let (step, _, messages) = latest(&store);
    assert_eq!(step, Some(1));
    assert!(messages[0].contains("BLAKE3 differs"), "{messages:?}");
    assert!(messages[1].contains("step-0000000002/state: No such file"), "{messages:?}");
}

#[test]
fn a_torn_manifest_is_reported_and_no_checkpoint_at_all_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 3);
    (1..=3).for_each(|step| save(&store, step, None));
    let manifest = |step: u64| store.folder_of(step).join(MANIFEST);
    let text = fs::read_to_string(manifest(3)).unwrap();
    fs::write(manifest(3), &text[..text.len() / 2]).unwrap();
    fs::write(manifest(2), text.replace("\"format\": 1", "\"format\": 9")).unwrap();
    fs::write(manifest(1), &text).unwrap();
    let (step, _, messages) = latest(&store);
    assert_eq!(step, None);
    assert!(messages[0].contains("manifest.json is damaged"), "{messages:?}");
    assert!(messages[1].contains("has format 9, this program reads 1"), "{messages:?}");
    assert!(messages[2].ends_with("step-0000000001 holds step 3"), "{messages:?}");
}

#[test]
fn a_blob_that_changes_after_the_search_is_not_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 3);
    save(&store, 1, None);
    let checkpoint = store.latest_valid().unwrap().checkpoint.unwrap();
    fs::write(checkpoint.folder().join("model"), "MODEL of step 1").unwrap();
    assert!(checkpoint.load("model").unwrap_err().to_string().contains("BLAKE3 differs"));
}

#[test]
fn what_an_interrupted_save_left_is_cleared_on_open() {
    let folder = tempfile::tempdir().unwrap();
    save(&store(folder.path(), 3), 1, None);
    let half = folder.path().join(format!("{SAVING}0000000002"));
    fs::create_dir(&half).unwrap();
    fs::write(half.join("model"), "half of a mod").unwrap();
    let store = store(folder.path(), 3);
    assert_eq!(names(folder.path()), ["step-0000000001"]);
    save(&store, 2, None);
    assert_eq!(latest(&store).0, Some(2));
}

#[test]
fn a_crash_while_a_checkpoint_replaces_one_of_its_step_loses_neither() {
    let folder = tempfile::tempdir().unwrap();
    let first = store(folder.path(), 3);
    save(&first, 1, None);
    // Crashed after the old one moved away, before the new one came.
    let replaced = folder.path().join(format!("{REPLACED}0000000001"));
    fs::rename(first.folder_of(1), &replaced).unwrap();
    fs::create_dir(folder.path().join(format!("{SAVING}0000000001"))).unwrap();
    let second = store(folder.path(), 3);
    assert_eq!(names(folder.path()), ["step-0000000001"]);
    assert_eq!(latest(&second).0, Some(1));
    // Crashed after the new one came, before the old one was removed.
    fs::create_dir(&replaced).unwrap();
    let third = store(folder.path(), 3);
    assert_eq!(names(folder.path()), ["step-0000000001"]);
    // No crash.
    third.save(1, &[("model", b"again")], None).unwrap();
    assert_eq!(latest(&third).1.as_deref(), Some("again"));
    assert_eq!(names(folder.path()), ["step-0000000001"]);
}

#[test]
fn a_run_that_resumed_before_a_damaged_checkpoint_replaces_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 1);
    save(&store, 10, None);
    save(&store, 30, None);
    fs::write(store.folder_of(30).join("model"), "").unwrap();
    save(&store, 20, None);
    assert_eq!(latest(&store), (Some(20), Some("model of step 20".to_owned()), vec![]));
}

/// A disk on which every file fails after `room` bytes in all.
struct SmallDisk {
    room: Arc<AtomicU64>,
    claims: u64,
}

struct SmallFile {
    file: File,
    room: Arc<AtomicU64>,
}

impl Disk for SmallDisk {
    fn available(&self, _: &Path) -> io::Result<u64> {
        Ok(self.claims)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DurableWrite>> {
        Ok(Box::new(SmallFile { file: File::create_new(path)?, room: Arc::clone(&self.room) }))
    }
}

impl Write for SmallFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.room.load(Ordering::Relaxed);
        let n = room.min(bytes.len() as u64);
        self.room.store(room - n, Ordering::Relaxed);
        if n == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.write(&bytes[..n as usize])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl DurableWrite for SmallFile {
    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_all()
    }
}

#[test]
fn a_disk_that_fills_up_at_any_byte_leaves_the_previous_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let room = Arc::new(AtomicU64::new(u64::MAX));
    let disk = SmallDisk { room: Arc::clone(&room), claims: u64::MAX };
    let store = CheckpointStore::open_on(Box::new(disk), folder.path().to_owned(), 1).unwrap();
    save(&store, 1, Some(1.0));
    let size = u64::MAX - room.load(Ordering::Relaxed);
    for enough_for in 0..size {
        room.store(enough_for, Ordering::Relaxed);
        let error =
            store.save(2, &[("model", b"model of step 2"), ("state", &[2; 3])], Some(0.5)).unwrap_err();
        let text = with_help(&error);
        assert!(matches!(error, CheckpointError::Save { step: 2, .. }), "{text}");
        assert!(text.contains("saving-0000000002/") && text.contains("no storage space"), "{text}");
        assert!(text.contains("earlier checkpoints are intact"), "{text}");
        assert_eq!(names(folder.path()), ["best.json", "step-0000000001"]);
    }
    assert_eq!(latest(&store), (Some(1), Some("model of step 1".to_owned()), vec![]));
    room.store(size, Ordering::Relaxed);
    save(&store, 2, Some(0.5));
    assert_eq!(latest(&store).0, Some(2));
}

#[test]
fn too_little_room_is_said_before_anything_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SmallDisk { room: Arc::new(AtomicU64::new(0)), claims: 2_000_000 };
    let store = CheckpointStore::open_on(Box::new(disk), folder.path().to_owned(), 1).unwrap();
    let error = store.save(1, &[("model", &[0; 1_500_000])], None).unwrap_err();
    assert!(matches!(error, CheckpointError::NoSpace { needed: 2_548_576, available: 2_000_000, .. }));
    assert!(
        error.to_string().contains("needs 2.5 MB") && error.to_string().contains("has 2.0 MB left"),
        "{error}"
    );
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_real_disk_says_how_much_fits() {
    let folder = tempfile::tempdir().unwrap();
    assert!(RealDisk {}.available(folder.path()).unwrap() > 0);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = CheckpointStore::open(file.join("checkpoints"), 1).err().unwrap().to_string();
    assert!(error.contains("file/checkpoints") && error.contains("Not a directory"), "{error}");
}

#[test]
fn a_save_that_fails_for_real_leaves_the_previous_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 1);
    save(&store, 1, None);
    // A file where the temporary folder has to go.
    let obstacle = folder.path().join(format!("{SAVING}0000000002"));
    fs::write(&obstacle, "").unwrap();
    let error = store.save(2, &[("model", b"m")], None).unwrap_err();
    assert!(error.to_string().contains("saving-0000000002: File exists"), "{error}");
    assert_eq!(latest(&store).0, Some(1));
}

#[test]
fn the_checkpoint_of_a_step_is_that_one_or_an_error_and_never_another() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 3);
    save(&store, 1, Some(2.0));
    save(&store, 2, Some(1.0));
    assert_eq!(store.of_step(2).unwrap().step, 2);
    let damaged = store.folder_of(2).join("model");
    fs::write(&damaged, "").unwrap();
    assert_eq!(store.of_step(2).unwrap_err(), format!("{}: has 0 bytes, 15 were saved", damaged.display()));
    fs::remove_dir_all(store.folder_of(2)).unwrap();
    assert!(store.of_step(2).unwrap_err().contains("No such file"));
}

#[test]
fn nothing_beyond_a_link_is_written_or_removed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let elsewhere = store(&at("elsewhere"), 1);
    elsewhere.save(7, &[("model", b"theirs")], None).unwrap();
    let theirs = || fs::read(at("elsewhere/step-0000000007/model")).unwrap();

    // The folder of all checkpoints.
    std::os::unix::fs::symlink(at("elsewhere"), at("link")).unwrap();
    let error = CheckpointStore::open(at("link"), 1).err().expect("a link is refused").to_string();
    assert!(error.contains("link") && error.contains("symbolic link"), "{error}");

    // That of a step, what an interrupted save leaves, and `best.json`.
    let own = store(&at("own"), 1);
    own.save(1, &[("model", b"ours")], None).unwrap();
    for name in ["step-0000000000", "step-0000000009", "saving-0000000003", "replaced-0000000001"] {
        std::os::unix::fs::symlink(at("elsewhere/step-0000000007"), at("own").join(name)).unwrap();
    }
    for name in ["best.json", "best.json.tmp", ".best.json.0123456789abcdef.tmp"] {
        std::os::unix::fs::symlink(at("elsewhere/step-0000000007/model"), at("own").join(name)).unwrap();
    }
    let own = CheckpointStore::open(at("own"), 1).unwrap();
    own.save(3, &[("model", b"ours")], Some(0.5)).unwrap();
    assert_eq!(theirs(), b"theirs");
    let mut names: Vec<_> =
        fs::read_dir(at("own")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["best.json", "step-0000000003"]);
}

/// Rewrites the manifest of the checkpoint of `step`.
fn change_manifest(folder: &Path, step: u64, change: impl Fn(&mut Manifest)) {
    let path = folder.join(name_of(step));
    let mut manifest = Manifest::read(&path).unwrap();
    change(&mut manifest);
    fs::write(path.join(MANIFEST), serde_json::to_vec(&manifest).unwrap()).unwrap();
}

#[test]
fn a_file_that_a_manifest_names_lies_beside_it_and_is_no_link() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 3);
    save(&store, 7, None);
    let outside = folder.path().join("outside");
    fs::write(&outside, "model of step 8").unwrap();
    let damage = || latest(&store).2.join(" ");
    for name in
        ["../outside", outside.to_str().unwrap(), "..", ".", "", "a/../model", "manifest.json", "model/"]
    {
        save(&store, 8, None);
        change_manifest(folder.path(), 8, |manifest| manifest.blobs[0].name = name.to_owned());
        assert_eq!(latest(&store).0, Some(7), "{name}");
        assert!(damage().contains(&format!("{name:?}, which is no file beside it")), "{}", damage());
    }
    save(&store, 8, None);
    change_manifest(folder.path(), 8, |manifest| manifest.blobs[1].name = "model".to_owned());
    assert!(damage().contains("\"model\" twice"), "{}", damage());

    save(&store, 8, None);
    let model = folder.path().join("step-0000000008/model");
    fs::remove_file(&model).unwrap();
    std::os::unix::fs::symlink(&outside, &model).unwrap();
    assert!(damage().contains("it is a symbolic link"), "{}", damage());
    fs::remove_file(&model).unwrap();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &model, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert!(damage().contains("it is a pipe"), "{}", damage());
    assert_eq!(latest(&store).0, Some(7));
}

#[test]
fn a_folder_whose_name_spells_its_step_otherwise_is_no_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 3);
    save(&store, 7, None);
    for name in ["step-+0000000009", "step-9", "step-00000000009", "step-99999999999999999999999"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    assert_eq!(store.steps().unwrap(), [7]);
    fs::create_dir(folder.path().join(name_of(u64::MAX))).unwrap();
    assert_eq!(store.steps().unwrap(), [7, u64::MAX]);
    assert_eq!(latest(&store).0, Some(7));
    save(&store, 8, None);
    assert_eq!(store.steps().unwrap(), [7, 8]);
}

#[test]
fn a_blob_that_has_grown_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 3);
    save(&store, 7, None);
    let checkpoint = store.of_step(7).unwrap();
    let file = File::options().write(true).open(checkpoint.folder().join("model")).unwrap();
    file.set_len(1 << 42).unwrap();
    let error = checkpoint.load("model").unwrap_err().to_string();
    assert!(error.contains("has 4398046511104 bytes, 15 were saved"), "{error}");
    // Hashing that many bytes would take an hour.
    assert!(latest(&store).2.join(" ").contains("has 4398046511104 bytes, 15 were saved"));
}
