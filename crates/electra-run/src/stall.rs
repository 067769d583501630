//! Stalls: work on batches that has stopped moving.

use std::time::Duration;

/// A stall is told after this many times the usual time of a batch.
const TIMES: u32 = 10;
/// And never before this: a machine that is busy with something else makes single batches slow.
const AT_LEAST: Duration = Duration::from_secs(30);
/// After this while no batch of its kind has ended, so that no time is usual.
const FIRST: Duration = Duration::from_secs(900);

/// Batches of one kind that a process has begun and ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Batches {
    /// The number of batches begun.
    pub begun: u64,
    /// The number of batches ended.
    pub ended: u64,
}

/// One observation of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation<const KINDS: usize> {
    /// The batches of each kind.
    pub batches: [Batches; KINDS],
    /// Whether a loop is under way in which batch follows upon batch, so that the time between two is a
    /// stall as well. It is none where a program waits for its input.
    pub in_loop: bool,
}

/// A process that does not move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// The kind of batch that is under way, or that moved last.
    pub kind: usize,
    /// Batches of this kind that ended before.
    pub ended: u64,
    /// The time for which nothing has moved, as far as was seen.
    pub since: Duration,
    /// The usual time of such a batch, if one has ended.
    pub usual: Option<Duration>,
    /// Whether a batch is under way; else the next one has not begun.
    pub in_batch: bool,
}

/// The time that batches of one kind took.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    time: Duration,
    batches: u64,
}

/// Looks at a process from time to time, and notices when its batches stop.
#[derive(Debug)]
pub struct StallWatch<const KINDS: usize> {
    seen: [Batches; KINDS],
    taken: [Taken; KINDS],
    /// The time of the last look.
    last_observed: Duration,
    /// When a look last saw something move, and of which kind.
    moved: (Duration, usize),
    is_reported: bool,
}

impl<const KINDS: usize> Default for StallWatch<KINDS> {
    fn default() -> Self {
        let (seen, taken) = ([Batches::default(); KINDS], [Taken::default(); KINDS]);
        Self { seen, taken, last_observed: Duration::ZERO, moved: (Duration::ZERO, 0), is_reported: false }
    }
}

impl<const KINDS: usize> StallWatch<KINDS> {
    /// A look at time `now`, which never goes back. A stall is returned once; it is over when something moves.
    pub fn observe(&mut self, now: Duration, observation: &Observation<KINDS>) -> Option<Stall> {
        let Observation { batches, in_loop } = *observation;
        let last_observed = std::mem::replace(&mut self.last_observed, now);
        if let Some(kind) = (0..KINDS).rfind(|&kind| batches[kind] != self.seen[kind]) {
            // What a process does before its first batch is no part of one.
            let is_first = self.seen == [Batches::default(); KINDS];
            self.learn(now - if is_first { last_observed } else { self.moved.0 }, &batches);
            (self.seen, self.moved, self.is_reported) = (batches, (now, kind), false);
            return None;
        }
        let under_way = (0..KINDS).find(|&kind| batches[kind].begun > batches[kind].ended);
        let kind = under_way.or(in_loop.then_some(self.moved.1))?;
        let (since, usual) = (now - self.moved.0, self.usual(kind));
        if self.is_reported || since < usual.map_or(FIRST, |usual| (usual * TIMES).max(AT_LEAST)) {
            return None;
        }
        self.is_reported = true;
        Some(Stall { kind, ended: batches[kind].ended, since, usual, in_batch: under_way.is_some() })
    }

    /// Divides `time` among the batches that have ended in it. A stall is not usual.
    fn learn(&mut self, time: Duration, batches: &[Batches; KINDS]) {
        if self.is_reported {
            return;
        }
        let ended = |kind: usize| batches[kind].ended - self.seen[kind].ended;
        let all: u64 = (0..KINDS).map(ended).sum();
        for kind in 0..KINDS {
            let n = ended(kind);
            if n > 0 {
                self.taken[kind].time += time.mul_f64(n as f64 / all as f64);
                self.taken[kind].batches += n;
            }
        }
    }

    fn usual(&self, kind: usize) -> Option<Duration> {
        let Taken { time, batches } = self.taken[kind];
        (batches > 0).then(|| time.div_f64(batches as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    /// A process with training steps, of which so many began and ended, and evaluation batches.
    fn process(training: [u64; 2], evaluation: [u64; 2]) -> Observation<2> {
        let batches = [training, evaluation].map(|[begun, ended]| Batches { begun, ended });
        Observation { batches, in_loop: false }
    }

    fn in_loop(observation: Observation<2>) -> Observation<2> {
        Observation { in_loop: true, ..observation }
    }

    /// A watch that has seen a training step end every five seconds, and `last` in second 50.
    fn usually_five_seconds(last: &Observation<2>) -> StallWatch<2> {
        let mut watch = StallWatch::default();
        for i in 1..=10 {
            assert_eq!(watch.observe(seconds(5 * i), &process([i, i], [0, 0])), None);
        }
        assert_eq!(watch.observe(seconds(50), last), None);
        watch
    }

    #[test]
    fn a_batch_that_takes_ten_times_the_usual_is_told_once() {
        let hangs = process([11, 10], [0, 0]);
        let mut watch = usually_five_seconds(&hangs);
        assert_eq!(watch.observe(seconds(99), &hangs), None);
        let stall = Stall { kind: 0, ended: 10, since: seconds(50), usual: Some(seconds(5)), in_batch: true };
        assert_eq!(watch.observe(seconds(100), &hangs), Some(stall));
        assert_eq!(watch.observe(seconds(500), &hangs), None);
    }

    #[test]
    fn what_moves_again_is_watched_again_and_its_stall_is_not_usual() {
        let mut watch = usually_five_seconds(&process([11, 10], [0, 0]));
        assert!(watch.observe(seconds(200), &process([11, 10], [0, 0])).is_some());
        assert_eq!(watch.observe(seconds(300), &process([12, 11], [0, 0])), None);
        let stall = watch.observe(seconds(350), &process([12, 11], [0, 0])).expect("told again");
        assert_eq!((stall.usual, stall.since), (Some(seconds(5)), seconds(50)));
    }

    #[test]
    fn time_between_batches_is_a_stall_in_a_loop_alone() {
        let between = process([10, 10], [0, 0]);
        assert_eq!(usually_five_seconds(&between).observe(seconds(5_000), &between), None);
        let stall = usually_five_seconds(&between).observe(seconds(100), &in_loop(between)).expect("a stall");
        assert_eq!((stall.kind, stall.in_batch), (0, false));
    }

    #[test]
    fn an_evaluation_that_moves_is_no_stall_of_training() {
        let mut watch = usually_five_seconds(&in_loop(process([10, 10], [1, 0])));
        for i in 1..100 {
            let observation = in_loop(process([10, 10], [i + 1, i]));
            assert_eq!(watch.observe(seconds(50 + 20 * i), &observation), None);
        }
        let hangs = in_loop(process([10, 10], [100, 99]));
        let stall = watch.observe(seconds(50 + 20 * 99 + 200), &hangs).expect("a stall");
        assert_eq!((stall.kind, stall.usual, stall.ended), (1, Some(seconds(20)), 99));
    }

    #[test]
    fn short_batches_may_be_slow_for_half_a_minute_and_the_first_for_a_quarter_of_an_hour() {
        let mut watch = StallWatch::default();
        let first = process([1, 0], [0, 0]);
        for (second, found) in [(2, None), (901, None), (902, Some(seconds(900)))] {
            assert_eq!(watch.observe(seconds(second), &first).map(|stall| stall.since), found);
        }
        let mut watch = StallWatch::default();
        let short = process([1_001, 1_000], [0, 0]);
        for (second, found) in [(1, None), (30, None), (31, Some(seconds(30)))] {
            assert_eq!(watch.observe(seconds(second), &short).map(|stall| stall.since), found);
        }
    }

    #[test]
    fn nothing_is_told_of_work_that_never_began() {
        assert_eq!(StallWatch::default().observe(seconds(10_000), &process([0, 0], [0, 0])), None);
    }
}
