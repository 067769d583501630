//! Signs of life: a line at least every ten seconds, whatever a run is busy with.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use electra_run::record::duration;

/// The longest silence.
pub const MAX_SILENCE: Duration = Duration::from_secs(10);

/// Says what goes on when nothing else was said for a while.
///
/// A thread of its own keeps the time: a run that reads, evaluates or takes one long step cannot.
pub struct Heartbeat {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    has_ended: Condvar,
}

struct State {
    activity: Activity,
    /// When something was said last.
    said: Instant,
    ended: bool,
}

/// The work that is going on.
struct Activity {
    what: String,
    /// Whether nobody counts how far it has come.
    is_uncounted: bool,
    since: Instant,
}

impl Activity {
    /// The line about the work.
    fn line(&self, now: Instant, silence: Duration) -> String {
        let lasts = now.saturating_duration_since(self.since);
        let seconds = duration(lasts.as_secs_f64());
        match self.is_uncounted {
            true => format!("{}, {seconds} so far", self.what),
            false if lasts >= silence => format!("{}, the last {seconds} ago", self.what),
            false => self.what.clone(),
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Speaks after every `silence` until the end.
    fn run(&self, silence: Duration, say: impl Fn(&str)) {
        let mut state = self.state();
        while !state.ended {
            let now = Instant::now();
            let left = (state.said + silence).saturating_duration_since(now);
            if left.is_zero() {
                state.said = now;
                let line = state.activity.line(now, silence);
                // Whoever is slow to read does not keep the run from its work.
                drop(state);
                say(&line);
                state = self.state();
            } else {
                let waited = self.has_ended.wait_timeout(state, left);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }
}

impl Heartbeat {
    /// Begins with a part of the work whose progress nobody counts. `say` writes a line.
    pub fn start(what: &str, silence: Duration, say: impl Fn(&str) + Send + 'static) -> Self {
        let now = Instant::now();
        let activity = Activity { what: what.to_owned(), is_uncounted: true, since: now };
        let state = Mutex::new(State { activity, said: now, ended: false });
        let shared = Arc::new(Shared { state, has_ended: Condvar::new() });
        let own = Arc::clone(&shared);
        // Without it the run is silent at times, and that is all.
        let thread = thread::Builder::new().name("heartbeat".into());
        let thread = thread.spawn(move || own.run(silence, say)).ok();
        Self { shared, thread }
    }

    /// The next part of the work has begun, whose progress nobody counts.
    pub fn stage(&self, what: &str) {
        self.shared.state().activity =
            Activity { what: what.to_owned(), is_uncounted: true, since: Instant::now() };
    }

    /// Tells the progress of the work.
    pub fn progress(&self, what: String) {
        self.shared.state().activity = Activity { what, is_uncounted: false, since: Instant::now() };
    }

    /// Somebody has said something else, so silence begins anew.
    pub fn reset(&self) {
        self.shared.state().said = Instant::now();
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.shared.state().ended = true;
        self.shared.has_ended.notify_all();
        if let Some(thread) = self.thread.take() {
            // A thread that has panicked has nothing more to say.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn silence_is_broken_again_and_again_and_ends_with_the_work() {
        let (say, said) = mpsc::channel();
        let heartbeat =
            Heartbeat::start("reading a.conll", SHORT, move |line| say.send(line.to_owned()).unwrap());
        for _ in 0..3 {
            let line = said.recv_timeout(LONG).expect("a line");
            assert!(line.starts_with("reading a.conll, ") && line.ends_with(" so far"), "{line}");
        }
        heartbeat.progress("step 3/9".into());
        let mut lines = std::iter::repeat_with(|| said.recv_timeout(LONG).expect("a line"));
        let line = lines.find(|line| !line.starts_with("reading")).unwrap();
        assert!(line.starts_with("step 3/9"), "{line}");
        drop(heartbeat);
        // The thread and what it says with are gone.
        assert!(said.iter().count() < 1_000_000);
    }

    #[test]
    fn nothing_is_said_where_something_else_was() {
        let (say, said) = mpsc::channel();
        let heartbeat =
            Heartbeat::start("reading", LONG, move |line: &str| say.send(line.to_owned()).unwrap());
        heartbeat.reset();
        thread::sleep(SHORT);
        drop(heartbeat);
        assert_eq!(said.iter().count(), 0);
    }

    #[test]
    fn a_line_tells_for_how_long_nothing_was_counted() {
        let since = Instant::now();
        let at = |seconds| since + Duration::from_secs(seconds);
        let line = |is_uncounted, seconds| {
            let activity = Activity { what: "step 3/9".into(), is_uncounted, since };
            activity.line(at(seconds), MAX_SILENCE)
        };
        assert_eq!(line(false, 2), "step 3/9");
        assert_eq!(line(false, 25), "step 3/9, the last 25 s ago");
        assert_eq!(line(true, 12), "step 3/9, 12 s so far");
    }
}
