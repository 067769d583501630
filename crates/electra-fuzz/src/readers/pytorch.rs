//! Weights that torch.save wrote.

use std::path::Path;

use electra_model::hf::{self, HfNetwork};
use electra_train::pytorch::PytorchFile;
use flate2::Crc;

use crate::case::Case;
use crate::reader::{OkRendered, Reached, Reader, Rng};

/// The file of every case.
const FILE: &str = "pytorch_model.bin";

/// Files of torch, of both its formats: nothing here writes them.
const SEEDS: [&[u8]; 6] = [
    include_bytes!("../../fixtures/model/pytorch_model.bin"),
    include_bytes!("../../fixtures/older.bin"),
    include_bytes!("../../fixtures/old-names.bin"),
    include_bytes!("../../fixtures/old-names-older.bin"),
    include_bytes!("../../fixtures/protocol-4.bin"),
    include_bytes!("../../fixtures/call.bin"),
];

/// An archive, or pickles with numbers behind them.
pub(super) struct PytorchWeights;

impl Reader for PytorchWeights {
    fn name(&self) -> &'static str {
        "pytorch-weights"
    }

    fn stages(&self) -> &'static [&'static str] {
        &["opened", "read", "named"]
    }

    fn seeds(&self) -> Vec<Case> {
        SEEDS.iter().map(|seed| Case::default().with(FILE, *seed)).collect()
    }

    /// The checksums of an archive's entries are those of their content again.
    fn seal(&self, case: &mut Case, _rng: &mut Rng) {
        if let Some(bytes) = case.file_mut(FILE) {
            seal(bytes);
        }
    }

    fn run(&self, folder: &Path, reached: &Reached<'_>) -> Option<()> {
        let file = PytorchFile::open(&folder.join(FILE)).ok_rendered()?;
        reached.stage("opened");
        std::hint::black_box(hf::import(file.headers().clone(), HfNetwork::Discriminator).ok_rendered());
        let tensors = file.read().ok_rendered()?;
        let numbers: usize = tensors.values().map(|tensor| tensor.num_elements()).sum();
        assert!(numbers < 1 << 20, "{numbers} numbers of a file of some thousand bytes");
        reached.stage("read");
        hf::import(tensors, HfNetwork::Discriminator).ok_rendered()?;
        reached.stage("named");
        Some(())
    }
}

/// Sets the checksum of each entry of an archive, as far as its directory can be followed.
fn seal(archive: &mut [u8]) -> Option<()> {
    let end = archive.windows(4).rposition(|window| window == b"PK\x05\x06")?;
    let mut at = u32_at(archive, end + 16)?;
    while archive.get(at..at + 4)? == b"PK\x01\x02" {
        let [length, name, extra, comment] = [
            u32_at(archive, at + 24)?,
            u16_at(archive, at + 28)?,
            u16_at(archive, at + 30)?,
            u16_at(archive, at + 32)?,
        ];
        let header = u32_at(archive, at + 42)?;
        let start = header.checked_add(30)? + u16_at(archive, header + 26)? + u16_at(archive, header + 28)?;
        let mut checksum = Crc::new();
        checksum.update(archive.get(start..start.checked_add(length)?)?);
        archive.get_mut(at + 16..at + 20)?.copy_from_slice(&checksum.sum().to_le_bytes());
        at += 46 + name + extra + comment;
    }
    Some(())
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?).into())
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?) as usize)
}
