//! Fetching what the cache lacks of a commit.

use std::io::{self, Read, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use electra_files::disk::{self, DiskFile};
use electra_files::durable;
use electra_files::lock::Lock;

use crate::cache::Repository;
use crate::client::{Client, Content};
use crate::error::HubError;
use crate::files::{FileState, Parts, Selection, shards};
use crate::name::ModelName;
use crate::progress::Progress;
use crate::settings::Settings;

/// How often in a row a connection may be lost before anything has come.
const MAX_RETRIES: u32 = 5;
/// Files that an error lists at most.
const MAX_SHOWN: usize = 8;

/// What was fetched.
#[derive(Debug)]
pub(crate) struct Downloaded {
    pub(crate) commit: String,
    pub(crate) files: usize,
    pub(crate) bytes: u64,
}

/// Fetches the files of a model that the cache lacks. If `commit` is known, it is that one; what the revision has
/// become since is not asked.
///
/// # Errors
/// As [`Hub::find`](crate::Hub::find).
pub(crate) fn download(
    settings: &Settings,
    name: &ModelName,
    repository: &Repository,
    commit: Option<&str>,
    parts: Parts,
    progress: &mut dyn Progress,
) -> Result<Downloaded, HubError> {
    let client = Client::new(settings)?;
    let mut fetching =
        Fetching { client: &client, name, repository, progress, pause: settings.pause, retries: 0 };
    let listing = fetching.persist(|client| client.list(name, commit.unwrap_or(&name.revision)))?;
    let commit = listing.commit;
    let selection = Selection::of(parts, |file| {
        Ok(if listing.files.contains(file) { FileState::Present } else { FileState::Absent })
    })?;
    if !selection.missing.is_empty() {
        let all = listing.files.len();
        let mut files: Vec<String> = listing.files.into_iter().take(MAX_SHOWN).collect();
        if all > files.len() {
            files.push(format!("{} more", all - files.len()));
        }
        let files = if files.is_empty() { "no files".to_owned() } else { files.join(", ") };
        let missing = selection.missing.join(", no ");
        return Err(HubError::NoModel { name: name.repository.clone(), commit, missing, files });
    }
    // One process at a time completes a model; only then is it asked again what is there.
    let lock = repository.lock("electra");
    disk::create_folders(disk::parent(&lock)).map_err(write_error(&lock))?;
    let _lock = Lock::wait(&lock)?;
    let mut downloaded = Downloaded { commit, files: 0, bytes: 0 };
    for file in &selection.present {
        fetching.fetch(file, &mut downloaded)?;
    }
    if let Some(index) = selection.index {
        for shard in shards(&repository.snapshot(&downloaded.commit).join(index))? {
            fetching.fetch(&shard, &mut downloaded)?;
        }
    }
    for file in &selection.absent {
        write_small(&repository.absence(&downloaded.commit, file), b"")?;
    }
    if name.revision != downloaded.commit {
        write_small(&repository.reference(&name.revision), downloaded.commit.as_bytes())?;
    }
    Ok(downloaded)
}

/// Writes a file of the cache that says something by its name or in a line.
fn write_small(path: &Path, content: &[u8]) -> Result<(), HubError> {
    let written = disk::create_folders(disk::parent(path)).and_then(|()| {
        let is_same = electra_files::regular::read(path).is_ok_and(|there| there == content);
        if is_same { Ok(()) } else { durable::write(path, content) }
    });
    written.map_err(write_error(path))
}

fn write_error(path: &Path) -> impl Fn(io::Error) -> HubError {
    let path = path.to_owned();
    move |source| HubError::Write { path: path.clone(), source }
}

struct Fetching<'a> {
    client: &'a Client,
    name: &'a ModelName,
    repository: &'a Repository,
    progress: &'a mut dyn Progress,
    /// The first pause after a lost connection.
    pause: Duration,
    /// How often in a row the connection was lost.
    retries: u32,
}

impl Fetching<'_> {
    /// Asks again where the server is busy or has an error of its own. One that does not answer at all is asked once.
    fn persist<T>(&mut self, ask: impl Fn(&Client) -> Result<T, HubError>) -> Result<T, HubError> {
        loop {
            match ask(self.client) {
                Err(HubError::Status { url, status }) if is_passing(status) && self.retries < MAX_RETRIES => {
                    self.wait(&format!("{url} answers {status}"));
                }
                answer => {
                    self.retries = 0;
                    return answer;
                }
            }
        }
    }

    fn wait(&mut self, why: &str) {
        let pause = self.pause * 2u32.pow(self.retries);
        self.retries += 1;
        self.progress.retry(why, pause);
        thread::sleep(pause);
    }

    /// Puts a file into the snapshot, if it is not there.
    fn fetch(&mut self, file: &str, downloaded: &mut Downloaded) -> Result<(), HubError> {
        let (name, commit) = (self.name, downloaded.commit.clone());
        if self.repository.state(&commit, file)? == FileState::Present {
            return Ok(());
        }
        let content = self.persist(|client| client.content(name, &commit, file))?;
        let blob = self.repository.blob(content.digest.hex());
        let lock = self.repository.lock(content.digest.hex());
        for folder in [disk::parent(&blob), disk::parent(&lock)] {
            disk::create_folders(folder).map_err(write_error(folder))?;
        }
        // Whoever downloads the same, here or in Python, is waited for; then the content is there.
        let _lock = Lock::wait(&lock)?;
        if self.repository.state(&commit, file)? == FileState::Present {
            return Ok(());
        }
        if !blob.is_file() {
            self.content(file, &commit, &content, &blob)?;
            downloaded.files += 1;
            downloaded.bytes += content.bytes;
        }
        let link = self.repository.snapshot(&commit).join(file);
        let folder = disk::parent(&link);
        disk::create_folders(folder).map_err(write_error(folder))?;
        disk::clear(&link).map_err(write_error(&link))?;
        let target = Path::new("../../blobs").join(content.digest.hex());
        disk::create_link(&target, &link).map_err(write_error(&link))
    }

    /// Downloads the content of a file to where content with its hash lies, going on with what an earlier attempt has
    /// left.
    fn content(&mut self, file: &str, commit: &str, content: &Content, blob: &Path) -> Result<(), HubError> {
        let partial = blob.with_added_extension("electra.incomplete");
        let mut begun = partial.symlink_metadata().map_or(0, |there| there.len());
        if begun > content.bytes {
            disk::clear(&partial).map_err(write_error(&partial))?;
            begun = 0;
        }
        self.progress.begin(file, content.bytes, begun);
        self.receive(file, commit, content, &partial)?;
        let mut found = content.digest.measured(&partial).map_err(write_error(&partial))?;
        if found != content.digest.hex() && begun > 0 {
            // What was left may have been of something else: once more from the beginning.
            disk::clear(&partial).map_err(write_error(&partial))?;
            self.progress.begin(file, content.bytes, 0);
            self.receive(file, commit, content, &partial)?;
            found = content.digest.measured(&partial).map_err(write_error(&partial))?;
        }
        if found != content.digest.hex() {
            disk::clear(&partial).map_err(write_error(&partial))?;
            let (kind, expected) = (content.digest.kind(), content.digest.hex().to_owned());
            return Err(HubError::Hash { file: file.to_owned(), kind, found, expected });
        }
        disk::rename(&partial, blob).map_err(write_error(blob))?;
        disk::sync_folder(disk::parent(blob)).map_err(write_error(blob))?;
        self.progress.end();
        Ok(())
    }

    /// Receives a file to its end, over as many connections as that takes.
    fn receive(
        &mut self,
        file: &str,
        commit: &str,
        content: &Content,
        partial: &Path,
    ) -> Result<(), HubError> {
        self.retries = 0;
        loop {
            let mut out = DiskFile::append(partial).map_err(write_error(partial))?;
            let there = out.metadata().map_err(write_error(partial))?.len();
            if there >= content.bytes {
                return out.sync().map_err(write_error(partial));
            }
            let why = match self.client.rest(self.name, commit, file, there) {
                Ok(mut rest) => {
                    if rest.start != there {
                        // The server does no parts: what is there comes again, and is passed over.
                        let passed = io::copy(&mut rest.body.by_ref().take(there), &mut io::sink());
                        if passed.unwrap_or(0) < there {
                            rest.body = Box::new(io::empty());
                        }
                    }
                    self.write(&mut rest.body, &mut out, content.bytes - there)
                        .map_err(write_error(partial))?
                }
                Err(HubError::Status { url, status }) if is_passing(status) => {
                    format!("{url} answers {status}")
                }
                Err(HubError::Unreachable { server, what }) => format!("{server}: {what}"),
                Err(error) => return Err(error),
            };
            out.sync().map_err(write_error(partial))?;
            let now = out.metadata().map_err(write_error(partial))?.len();
            if now >= content.bytes {
                return Ok(());
            }
            if now > there {
                self.retries = 0;
            }
            if self.retries == MAX_RETRIES {
                return Err(HubError::Cut { file: file.to_owned(), there: now, bytes: content.bytes, why });
            }
            self.wait(&why);
        }
    }

    /// Writes what comes, at most `most` bytes; why no more has come, in words.
    fn write(&mut self, body: &mut dyn Read, out: &mut DiskFile, most: u64) -> io::Result<String> {
        let mut body = body.take(most);
        let mut block = vec![0; 1 << 16];
        loop {
            match body.read(&mut block) {
                Ok(0) => return Ok("the connection was closed".to_owned()),
                Ok(length) => {
                    out.write_all(&block[..length])?;
                    self.progress.advance(length as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Ok(error.to_string()),
            }
        }
    }
}

/// Whether an answer is of a moment: too many requests, or an error of the server's own.
fn is_passing(status: u16) -> bool {
    status == 408 || status == 429 || status >= 500
}
