//! Ctrl-C and SIGTERM as a question that the training loop asks.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Whether somebody wants the run to end. Clones ask and answer the same question.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    requested: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Listens for SIGINT and SIGTERM. The first one is only noted, so that the loop can finish its
    /// step and save; the second one ends the process at once, as it would without this.
    ///
    /// # Errors
    /// If the system refuses the handlers.
    pub fn listen() -> io::Result<Self> {
        let interrupt = Self::default();
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first asks whether the flag was set before this signal came.
            flag::register_conditional_default(signal, Arc::clone(&interrupt.requested))?;
            flag::register_usize(signal, Arc::clone(&interrupt.signal), signal as usize)?;
            flag::register(signal, Arc::clone(&interrupt.requested))?;
        }
        Ok(interrupt)
    }

    /// Whether the run should finish its step, save and end.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }

    /// Asks for it from inside the program: a key pressed on the screen, for example.
    pub fn request(&self) {
        self.requested.store(true, Ordering::Relaxed);
    }

    /// Who asked: `"SIGINT"`, `"SIGTERM"`, `"request"`, or nobody yet.
    #[must_use]
    pub fn reason(&self) -> Option<&'static str> {
        self.is_requested().then(|| match self.signal.load(Ordering::Relaxed) as i32 {
            SIGINT => "SIGINT",
            SIGTERM => "SIGTERM",
            _ => "request",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_reaches_every_clone() {
        let interrupt = Interrupt::default();
        let clone = interrupt.clone();
        assert_eq!((clone.is_requested(), clone.reason()), (false, None));
        interrupt.request();
        assert_eq!((clone.is_requested(), clone.reason()), (true, Some("request")));
    }
}
