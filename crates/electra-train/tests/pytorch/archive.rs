//! An archive as torch.save writes it, of entries that it would not write.

use flate2::Crc;

/// A zip file of stored entries.
pub(super) fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in entries {
        let mut checksum = Crc::new();
        checksum.update(content);
        let length = (content.len() as u32).to_le_bytes();
        let shared = [
            &[0; 2][..], // flags
            &[0; 2],     // stored
            &[0; 4],     // time
            &checksum.sum().to_le_bytes(),
            &length,
            &length,
            &(name.len() as u16).to_le_bytes(),
            &[0; 2], // extra
        ]
        .concat();
        let at = (file.len() as u32).to_le_bytes();
        file.extend([&b"PK\x03\x04\x14\0"[..], &shared, name.as_bytes(), content].concat());
        directory.extend([&b"PK\x01\x02\x14\0\x14\0"[..], &shared, &[0; 10], &at, name.as_bytes()].concat());
    }
    let [count, length, at] = [entries.len(), directory.len(), file.len()].map(|number| number as u32);
    let count = (count as u16).to_le_bytes();
    let end = [&b"PK\x05\x06\0\0\0\0"[..], &count, &count, &length.to_le_bytes(), &at.to_le_bytes(), &[0; 2]];
    [file, directory, end.concat()].concat()
}
