//! Ctrl-C and SIGTERM as a question that the training loop asks.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

/// SIGTERMs that come within this time of the first are one. A parent with several threads that is
/// killed sends one for each of them, in whatever order they end.
const ONE_DEATH: Duration = Duration::from_millis(500);

/// A shared flag that asks a run to stop. Clones ask and answer the same question.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    requested: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Listens for SIGINT and SIGTERM. The first one is only noted, so that the loop can finish its
    /// step and save; the second one ends the process at once, as it would without this. SIGTERMs within
    /// half a second are one.
    ///
    /// # Errors
    /// If the system refuses the handlers.
    pub fn listen() -> io::Result<Self> {
        let interrupt = Self::default();
        let requested = Arc::clone(&interrupt.requested);
        let (begun, first) = (Instant::now(), AtomicU64::new(0));
        let end_unless_first = move || {
            let now = begun.elapsed().as_millis() as u64 + 1;
            let before = first.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed).err();
            let is_one = before.is_some_and(|before| now - before < ONE_DEATH.as_millis() as u64);
            if requested.load(Ordering::Relaxed) && !is_one {
                // Nobody is left to tell if this fails.
                let _ = low_level::emulate_default_handler(SIGTERM);
            }
        };
        // In this order: the first asks whether the flag was set before this signal came.
        // SAFETY: it reads a clock and atomics and calls what is made for handlers.
        unsafe { low_level::register(SIGTERM, end_unless_first) }?;
        flag::register_conditional_default(SIGINT, Arc::clone(&interrupt.requested))?;
        for signal in [SIGINT, SIGTERM] {
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

    /// The source of the request: `"SIGINT"`, `"SIGTERM"`, `"request"`, or `None` if there was none yet.
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
