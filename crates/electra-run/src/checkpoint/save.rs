//! Saving a checkpoint, and removing those that it makes superfluous.

use std::io;
use std::path::Path;

use super::{
    BEST, Blob, CheckpointError, CheckpointStore, MANIFEST, Manifest, REPLACED, SAVING, entry_names, step_of,
};
use electra_files::{disk, durable, temporary};

/// Bytes that are hashed and written at a time.
pub(super) const PIECE: usize = 1 << 20;

impl CheckpointStore {
    /// Saves `blobs` (file name and content) as the checkpoint of `step`, then removes all but the
    /// last few and the best. The metric is the one to keep the best by, lower is better; none, or
    /// NaN, never makes a checkpoint the best.
    ///
    /// Checkpoints of later steps are removed: they belong to a future that a run which resumed
    /// before them has abandoned.
    ///
    /// # Errors
    /// If there is too little room, or the disk refuses. Earlier checkpoints are then intact.
    /// [`CheckpointError::TidyUp`] means that the new one is saved as well.
    pub fn save(
        &self,
        step: u64,
        blobs: &[(&str, &[u8])],
        metric: Option<f64>,
    ) -> Result<(), CheckpointError> {
        let metric = metric.filter(|metric| !metric.is_nan());
        self.check_space(step, blobs)?;
        let temporary = self.folder.join(format!("{SAVING}{step:010}"));
        let saved =
            self.write(&temporary, step, blobs, metric).and_then(|()| self.give_name(&temporary, step));
        if saved.is_err() {
            // The error to report is the first one; what cannot be removed now is on the next open.
            let _ = disk::clear(&temporary);
        }
        saved?;
        self.prune(step)
    }

    fn check_space(&self, step: u64, blobs: &[(&str, &[u8])]) -> Result<(), CheckpointError> {
        // Room for the manifest, `best.json` and the folders themselves.
        const MARGIN: u64 = 1 << 20;
        let needed = MARGIN + blobs.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>();
        let available =
            self.disk.available(&self.folder).map_err(CheckpointError::save(step, &self.folder))?;
        if available < needed {
            return Err(CheckpointError::NoSpace { step, path: self.folder.clone(), needed, available });
        }
        Ok(())
    }

    fn write(
        &self,
        folder: &Path,
        step: u64,
        blobs: &[(&str, &[u8])],
        metric: Option<f64>,
    ) -> Result<(), CheckpointError> {
        disk::create_folder(folder).map_err(CheckpointError::save(step, folder))?;
        let mut manifest = Manifest { format: Manifest::FORMAT, step, metric, blobs: Vec::new() };
        for (name, bytes) in blobs {
            let is_plain = !name.is_empty()
                && *name != MANIFEST
                && !name.contains(['/', '\\'])
                && !name.starts_with('.');
            assert!(is_plain, "{name:?} is no name for a blob");
            let path = folder.join(name);
            let hash = self.write_file(&path, bytes).map_err(CheckpointError::save(step, &path))?;
            manifest.blobs.push(Blob {
                name: (*name).to_owned(),
                bytes: bytes.len() as u64,
                blake3: hash.to_hex().to_string(),
            });
        }
        let path = folder.join(MANIFEST);
        let text = serde_json::to_vec_pretty(&manifest).expect("a manifest is plain JSON");
        self.write_file(&path, &text).map_err(CheckpointError::save(step, &path))?;
        durable::sync_folder(folder).map_err(CheckpointError::save(step, folder))
    }

    /// Writes and hashes piece by piece, so that each piece is hashed while it is in the cache.
    fn write_file(&self, path: &Path, bytes: &[u8]) -> io::Result<blake3::Hash> {
        let mut file = self.disk.create(path)?;
        let mut hasher = blake3::Hasher::new();
        for piece in bytes.chunks(PIECE) {
            hasher.update(piece);
            file.write_all(piece)?;
        }
        file.sync()?;
        Ok(hasher.finalize())
    }

    /// Turns a complete temporary folder into the checkpoint of `step`.
    fn give_name(&self, temporary: &Path, step: u64) -> Result<(), CheckpointError> {
        let target = self.folder_of(step);
        let replaced = self.folder.join(format!("{REPLACED}{step:010}"));
        let has_old = target.symlink_metadata().is_ok();
        if has_old {
            disk::rename(&target, &replaced).map_err(CheckpointError::save(step, &target))?;
        }
        if let Err(source) = disk::rename(temporary, &target) {
            if has_old {
                let _ = disk::rename(&replaced, &target);
            }
            return Err(CheckpointError::save(step, &target)(source));
        }
        durable::sync_folder(&self.folder).map_err(CheckpointError::save(step, &self.folder))?;
        if has_old {
            disk::remove_folder(&replaced).map_err(CheckpointError::tidy_up(step, &replaced))?;
        }
        Ok(())
    }

    fn prune(&self, step: u64) -> Result<(), CheckpointError> {
        let best = self
            .steps_with_metric()?
            .into_iter()
            .filter(|&(candidate, _)| candidate <= step)
            .min_by(|a, b| a.1.total_cmp(&b.1));
        let path = self.folder.join(BEST);
        match best {
            Some((step, metric)) => {
                let text = format!("{}\n", serde_json::json!({ "step": step, "metric": metric }));
                durable::write(&path, text.as_bytes())
            }
            None if path.exists() => disk::remove_file(&path),
            None => Ok(()),
        }
        .map_err(CheckpointError::tidy_up(step, &path))?;

        let (past, future): (Vec<u64>, Vec<u64>) =
            self.steps()?.into_iter().partition(|&other| other <= step);
        let superfluous = past.len().saturating_sub(self.keep_last);
        let old = past[..superfluous].iter().filter(|&&old| best.is_none_or(|(best, _)| best != old));
        for &step in old.chain(&future) {
            let path = self.folder_of(step);
            disk::remove_folder(&path).map_err(CheckpointError::tidy_up(step, &path))?;
        }
        Ok(())
    }

    /// Removes half-written folders. If the save was interrupted between moving an old checkpoint
    /// of the same step away and putting the new one in its place, the old one moves back.
    pub(super) fn clear_leftovers(&self) -> io::Result<()> {
        for name in entry_names(&self.folder)? {
            let path = self.folder.join(&name);
            if let Some(digits) = name.strip_prefix(REPLACED) {
                let target = self.folder.join(format!("step-{digits}"));
                if step_of(&format!("step-{digits}")).is_some() && target.symlink_metadata().is_err() {
                    disk::rename(&path, &target)?;
                } else {
                    disk::clear(&path)?;
                }
            } else if name.starts_with(SAVING) {
                disk::clear(&path)?;
            }
        }
        temporary::clear(&self.folder, &[BEST])?;
        durable::sync_folder(&self.folder)
    }
}
