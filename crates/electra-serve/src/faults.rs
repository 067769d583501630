//! Faults of the program that a test chooses.
//!
//! Without the feature `faults` nothing fails, and nothing is compiled but that.
//!
//! ```text
//! ELECTRA_SERVE_FAULT=text:WORD     the thread of a model panics while it works on a text with the word
//! ELECTRA_SERVE_FAULT=model:WORD    and at every text from then on
//! ELECTRA_SERVE_FAULT=open:N        the opening of a folder panics, the Nth of all
//! ```

#[cfg(feature = "faults")]
pub(crate) use chosen::{at, opening};

/// The thread of a model works on these texts.
#[cfg(not(feature = "faults"))]
#[inline]
pub(crate) fn at<'t>(_texts: impl Iterator<Item = &'t str>) {}

/// A folder is opened.
#[cfg(not(feature = "faults"))]
#[inline]
pub(crate) fn opening() {}

#[cfg(feature = "faults")]
mod chosen {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    enum Fault {
        None,
        Text(String),
        Model(String),
        Open(u64),
    }

    static FAULT: OnceLock<Fault> = OnceLock::new();
    static IS_BROKEN: AtomicBool = AtomicBool::new(false);
    static OPENED: AtomicU64 = AtomicU64::new(0);

    fn fault() -> &'static Fault {
        FAULT.get_or_init(|| {
            let Ok(text) = std::env::var("ELECTRA_SERVE_FAULT") else { return Fault::None };
            match text.split_once(':') {
                Some(("text", word)) => Fault::Text(word.to_owned()),
                Some(("model", word)) => Fault::Model(word.to_owned()),
                Some(("open", number)) => Fault::Open(number.parse().expect("a number of an opening")),
                _ => panic!("ELECTRA_SERVE_FAULT is {text:?}, expected text:WORD, model:WORD or open:N"),
            }
        })
    }

    pub(crate) fn at<'t>(mut texts: impl Iterator<Item = &'t str>) {
        let (Fault::Text(word) | Fault::Model(word)) = fault() else { return };
        let found = texts.find(|text| text.contains(word.as_str()));
        if found.is_some() && matches!(fault(), Fault::Model(_)) {
            IS_BROKEN.store(true, Ordering::SeqCst);
        }
        // As a message of a library would, it quotes the text.
        assert!(found.is_none() && !IS_BROKEN.load(Ordering::SeqCst), "a fault at {found:?}");
    }

    pub(crate) fn opening() {
        let number = OPENED.fetch_add(1, Ordering::SeqCst) + 1;
        assert!(!matches!(fault(), Fault::Open(at) if *at == number), "a fault at opening {number}");
    }
}
