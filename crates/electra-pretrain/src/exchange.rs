//! What ranks tell each other beside gradients: counts, losses and measures of their micro-batches, as bytes.

use electra_model::Normalizer;
use electra_ranks::{Communicator, RankError};

use crate::metrics::{Corruption, MetricAccumulator, Predicted};

/// Numbers one behind the other, which are written and read in the same order by the same program.
#[derive(Debug, Default)]
pub(crate) struct Written(Vec<u8>);

impl Written {
    pub(crate) fn count(&mut self, count: u64) {
        self.0.extend(count.to_le_bytes());
    }

    pub(crate) fn number(&mut self, number: f64) {
        self.0.extend(number.to_le_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len() as u64);
        self.0.extend(bytes);
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Something that may be absent.
    fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.count(value.is_some().into());
        if let Some(value) = value {
            write(self, value);
        }
    }

    pub(crate) fn accumulator(&mut self, accumulator: &MetricAccumulator) {
        let predicted = |out: &mut Self, Predicted { nats, count, right }: Predicted| {
            out.number(nats);
            [count, right].into_iter().for_each(|count| out.count(count));
        };
        let MetricAccumulator { mlm, corruption, judged, prediction } = accumulator;
        self.option(*mlm, predicted);
        self.option(*corruption, |out, Corruption { slots, right, tokens, fakes }| {
            [slots, right, tokens, fakes].into_iter().for_each(|count| out.count(count));
        });
        self.option(judged.as_ref(), |out, judged| {
            out.count(judged.len() as u64);
            for (logit, label) in judged {
                out.0.extend(logit.to_le_bytes());
                out.0.push(u8::from(*label));
            }
        });
        self.option(*prediction, predicted);
    }
}

/// Numbers in the order in which they were written.
///
/// # Panics
/// Its methods panic where a message ends too early: all ranks run the same program, and messages come whole.
#[derive(Debug)]
pub(crate) struct Told<'a>(&'a [u8]);

impl<'a> Told<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (first, rest) = self.0.split_first_chunk().expect("a message of the same program");
        self.0 = rest;
        *first
    }

    pub(crate) fn count(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }

    pub(crate) fn number(&mut self) -> f64 {
        f64::from_le_bytes(self.take())
    }

    pub(crate) fn bytes(&mut self) -> &'a [u8] {
        let length = self.count() as usize;
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes
    }

    fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.count() == 1).then(|| read(self))
    }

    pub(crate) fn accumulator(&mut self) -> MetricAccumulator {
        let predicted =
            |told: &mut Self| Predicted { nats: told.number(), count: told.count(), right: told.count() };
        let corruption = |told: &mut Self| Corruption {
            slots: told.count(),
            right: told.count(),
            tokens: told.count(),
            fakes: told.count(),
        };
        let judged = |told: &mut Self| {
            let judged = (0..told.count()).map(|_| (f32::from_le_bytes(told.take()), told.take() == [1]));
            judged.collect()
        };
        MetricAccumulator {
            mlm: self.option(predicted),
            corruption: self.option(corruption),
            judged: self.option(judged),
            prediction: self.option(predicted),
        }
    }
}

/// What all ranks have to say of the micro-batches of a step, in their order.
pub(crate) struct OfAll {
    pub(crate) losses: Vec<f64>,
    pub(crate) counted: Vec<MetricAccumulator>,
}

/// Tells the losses and measures of this rank's micro-batches, and hears those of all.
///
/// # Errors
/// If another rank has ended.
pub(crate) fn told_by_all(
    communicator: &Communicator<'_>,
    losses: &[f64],
    counted: &[MetricAccumulator],
) -> Result<OfAll, RankError> {
    let mut own = Written::default();
    own.count(losses.len() as u64);
    losses.iter().for_each(|&loss| own.number(loss));
    own.count(counted.len() as u64);
    counted.iter().for_each(|accumulator| own.accumulator(accumulator));
    let mut all = OfAll { losses: Vec::new(), counted: Vec::new() };
    for message in communicator.gather(Ok(own.into_bytes()))? {
        let mut told = Told::new(&message);
        all.losses.extend((0..told.count()).map(|_| told.number()));
        all.counted.extend((0..told.count()).map(|_| told.accumulator()));
    }
    Ok(all)
}

/// What all ranks have to say before a step: counts of their micro-batches, and whether one was asked to stop.
pub(crate) struct BeforeStep {
    pub(crate) counts: Vec<Normalizer>,
    /// The first reason that a rank has to stop.
    pub(crate) stop: Option<String>,
}

/// Tells the counts of this rank's micro-batches and whether it was asked to stop, and hears the same of all; or the
/// error that a rank has come to.
///
/// # Errors
/// If a rank has come to an error, or has ended.
pub(crate) fn before_step(
    communicator: &Communicator<'_>,
    own: Result<&[Normalizer], String>,
    stop: Option<&str>,
) -> Result<BeforeStep, RankError> {
    let own = own.map(|counts| {
        let mut own = Written::default();
        own.bytes(stop.unwrap_or_default().as_bytes());
        own.count(counts.len() as u64);
        for Normalizer { mlm, rtd, chosen, candidates } in counts {
            [mlm, rtd, chosen, candidates].into_iter().for_each(|&number| own.number(number));
        }
        own.into_bytes()
    });
    let mut all = BeforeStep { counts: Vec::new(), stop: None };
    for message in communicator.gather(own)? {
        let mut told = Told::new(&message);
        let stop = String::from_utf8_lossy(told.bytes()).into_owned();
        all.stop = all.stop.or(Some(stop).filter(|stop| !stop.is_empty()));
        all.counts.extend((0..told.count()).map(|_| Normalizer {
            mlm: told.number(),
            rtd: told.number(),
            chosen: told.number(),
            candidates: told.number(),
        }));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_are_read_as_they_were_written() {
        let accumulator = MetricAccumulator {
            mlm: Some(Predicted { nats: 0.1 + 0.2, count: 3, right: 1 }),
            corruption: Some(Corruption { slots: 4, right: 2, tokens: 9, fakes: 1 }),
            judged: Some(vec![(f32::INFINITY, true), (-0.0, false)]),
            prediction: None,
        };
        let mut written = Written::default();
        written.accumulator(&accumulator);
        written.accumulator(&MetricAccumulator::default());
        written.bytes(b"end");
        let bytes = written.into_bytes();
        let mut told = Told::new(&bytes);
        assert_eq!(format!("{:?}", told.accumulator()), format!("{accumulator:?}"));
        assert_eq!(format!("{:?}", told.accumulator()), format!("{:?}", MetricAccumulator::default()));
        assert_eq!(told.bytes(), b"end");
    }
}
