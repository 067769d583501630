//! Readers: columns, JSON lines with tags, JSON lines with character spans.
