//! Messages between ranks beside gradients: counts, losses and metrics of their micro-batches, as bytes.

use electra_model::Normalizer;
use electra_ranks::{Communicator, RankError};

use crate::metrics::{Corruption, MetricAccumulator, Predicted};

/// Writer of a message: numbers one behind the other, which the same program reads in the same order.
#[derive(Debug, Default)]
pub(crate) struct MessageWriter(Vec<u8>);

impl MessageWriter {
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

/// Reader of a message that a [`MessageWriter`] has written: numbers in the same order.
///
/// # Panics
/// Its methods panic where a message ends too early: all ranks run the same program, and messages come whole.
#[derive(Debug)]
pub(crate) struct MessageReader<'a>(&'a [u8]);

impl<'a> MessageReader<'a> {
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
        let predicted = |reader: &mut Self| Predicted {
            nats: reader.number(),
            count: reader.count(),
            right: reader.count(),
        };
        let corruption = |reader: &mut Self| Corruption {
            slots: reader.count(),
            right: reader.count(),
            tokens: reader.count(),
            fakes: reader.count(),
        };
        let judged = |reader: &mut Self| {
            let judged =
                (0..reader.count()).map(|_| (f32::from_le_bytes(reader.take()), reader.take() == [1]));
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

/// Losses and metrics of all micro-batches of a step, in their order.
pub(crate) struct MicroBatches {
    pub(crate) losses: Vec<f64>,
    pub(crate) counted: Vec<MetricAccumulator>,
}

/// All-gather of losses and metrics: sends those of this rank's micro-batches and receives those of all.
///
/// # Errors
/// If another rank has ended.
pub(crate) fn gather_micro_batches(
    communicator: &Communicator<'_>,
    losses: &[f64],
    counted: &[MetricAccumulator],
) -> Result<MicroBatches, RankError> {
    let mut own = MessageWriter::default();
    own.count(losses.len() as u64);
    losses.iter().for_each(|&loss| own.number(loss));
    own.count(counted.len() as u64);
    counted.iter().for_each(|accumulator| own.accumulator(accumulator));
    let mut all = MicroBatches { losses: Vec::new(), counted: Vec::new() };
    for message in communicator.gather(Ok(own.into_bytes()))? {
        let mut reader = MessageReader::new(&message);
        all.losses.extend((0..reader.count()).map(|_| reader.number()));
        all.counted.extend((0..reader.count()).map(|_| reader.accumulator()));
    }
    Ok(all)
}

/// What must be known of all ranks before a step: counts of their micro-batches, and whether one was asked to stop.
pub(crate) struct StepPreparation {
    pub(crate) counts: Vec<Normalizer>,
    /// The first reason that a rank has to stop.
    pub(crate) stop: Option<String>,
}

/// All-gather before a step: sends the counts of this rank's micro-batches and whether it was asked to stop, and
/// receives the same of all; or the error that a rank has come to.
///
/// # Errors
/// If a rank has come to an error, or has ended.
pub(crate) fn gather_preparation(
    communicator: &Communicator<'_>,
    own: Result<&[Normalizer], String>,
    stop: Option<&str>,
) -> Result<StepPreparation, RankError> {
    let own = own.map(|counts| {
        let mut own = MessageWriter::default();
        own.bytes(stop.unwrap_or_default().as_bytes());
        own.count(counts.len() as u64);
        for Normalizer { mlm, rtd, chosen, candidates } in counts {
            [mlm, rtd, chosen, candidates].into_iter().for_each(|&number| own.number(number));
        }
        own.into_bytes()
    });
    let mut all = StepPreparation { counts: Vec::new(), stop: None };
    for message in communicator.gather(own)? {
        let mut reader = MessageReader::new(&message);
        let stop = String::from_utf8_lossy(reader.bytes()).into_owned();
        all.stop = all.stop.or(Some(stop).filter(|stop| !stop.is_empty()));
        all.counts.extend((0..reader.count()).map(|_| Normalizer {
            mlm: reader.number(),
            rtd: reader.number(),
            chosen: reader.number(),
            candidates: reader.number(),
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
        let mut writer = MessageWriter::default();
        writer.accumulator(&accumulator);
        writer.accumulator(&MetricAccumulator::default());
        writer.bytes(b"end");
        let bytes = writer.into_bytes();
        let mut reader = MessageReader::new(&bytes);
        assert_eq!(format!("{:?}", reader.accumulator()), format!("{accumulator:?}"));
        assert_eq!(format!("{:?}", reader.accumulator()), format!("{:?}", MetricAccumulator::default()));
        assert_eq!(reader.bytes(), b"end");
    }
}
