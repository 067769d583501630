//! Compressed files and archives, also such as no program makes.

use std::io::{Read, Write};

use tar::Header;

use crate::{FIRST, SECOND};

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    liblzma::read::XzEncoder::new(bytes, 6).read_to_end(&mut packed).unwrap();
    packed
}

pub fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    bzip2::read::BzEncoder::new(bytes, bzip2::Compression::fast()).read_to_end(&mut packed).unwrap();
    packed
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

pub fn tar_with(add: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    add(&mut archive);
    archive.into_inner().unwrap()
}

pub fn add(archive: &mut tar::Builder<Vec<u8>>, name: &str, content: &[u8]) {
    let mut header = Header::new_gnu();
    header.set_size(content.len() as u64);
    // Names as hostile archives have them, which the builder refuses.
    let bytes = name.as_bytes();
    if bytes.len() < 100 {
        header.as_gnu_mut().unwrap().name[..bytes.len()].copy_from_slice(bytes);
        header.set_cksum();
        archive.append(&header, content).unwrap();
    } else {
        archive.append_data(&mut header, name, content).unwrap();
    }
}

pub fn two_files() -> Vec<u8> {
    tar_with(|archive| {
        add(archive, "a/first.txt", FIRST.as_bytes());
        add(archive, "second.jsonl.gz", &gzip(SECOND.as_bytes()));
    })
}

/// A member of a zip archive.
pub struct Zipped {
    pub name: &'static str,
    pub method: u16,
    pub packed: Vec<u8>,
    pub content: Vec<u8>,
    pub flags: u16,
    pub mode: u32,
}

pub fn zipped(name: &'static str, method: u16, content: &[u8]) -> Zipped {
    let packed = match method {
        8 => {
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        }
        12 => bzip2(content),
        93 => zstd(content),
        95 => xz(content),
        _ => content.to_vec(),
    };
    Zipped { name, method, packed, content: content.to_vec(), flags: 0, mode: 0o100_644 }
}

/// An archive, with 64-bit fields if `wide`.
pub fn zip(members: &[Zipped], wide: bool) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        let Zipped { name, method, packed, content, flags, mode } = member;
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let at = archive.len() as u64;
        let [packed_size, size] = [packed.len(), content.len()].map(|size| size as u64);
        let narrow = |number: u64| if wide { u32::MAX } else { number as u32 }.to_le_bytes();
        let extra = match wide {
            true => [&[1, 0, 24, 0][..], &size.to_le_bytes(), &packed_size.to_le_bytes(), &at.to_le_bytes()]
                .concat(),
            false => vec![],
        };
        let common = [
            &[45, 0][..],
            &flags.to_le_bytes(),
            &method.to_le_bytes(),
            &[0; 4],
            &crc.sum().to_le_bytes(),
            &narrow(packed_size),
            &narrow(size),
            &(name.len() as u16).to_le_bytes(),
        ]
        .concat();
        archive.extend([b"PK\x03\x04", &common[..], &[0, 0], name.as_bytes(), packed].concat());
        directory.extend(
            [
                b"PK\x01\x02",
                &[45, 3][..],
                &common[..],
                &(extra.len() as u16).to_le_bytes(),
                &[0; 6],
                &(mode << 16).to_le_bytes(),
                &narrow(at),
                name.as_bytes(),
                &extra,
            ]
            .concat(),
        );
    }
    let (at, count) = (archive.len() as u64, members.len() as u64);
    let bytes = directory.len() as u64;
    archive.extend(directory);
    if wide {
        let place = archive.len() as u64;
        let numbers = [count, count, bytes, at].map(u64::to_le_bytes).concat();
        archive
            .extend([b"PK\x06\x06", &44u64.to_le_bytes()[..], &[45, 0, 45, 0], &[0; 8], &numbers].concat());
        archive.extend([b"PK\x06\x07", &[0; 4][..], &place.to_le_bytes(), &[1, 0, 0, 0]].concat());
    }
    let [short_count, _] = [count; 2].map(|count| if wide { u16::MAX } else { count as u16 }.to_le_bytes());
    let [bytes, at] = [bytes, at].map(|number| if wide { u32::MAX } else { number as u32 }.to_le_bytes());
    archive.extend([b"PK\x05\x06", &[0; 4][..], &short_count, &short_count, &bytes, &at, &[0, 0]].concat());
    archive
}

pub fn two_zipped(method: u16, wide: bool) -> Vec<u8> {
    let second = gzip(SECOND.as_bytes());
    zip(&[zipped("a/first.txt", method, FIRST.as_bytes()), zipped("second.jsonl.gz", 0, &second)], wide)
}
