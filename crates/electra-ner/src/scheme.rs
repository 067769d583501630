//! Tagging schemes: detection, conversion, spans.
