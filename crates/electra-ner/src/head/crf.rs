//! A linear-chain conditional random field over the words of a sentence (Lafferty et al. 2001).

use burn::module::{Module, Param, ParamId};
use burn::prelude::*;
use burn::tensor::TensorData;

use electra_annotations::LabelSet;
use electra_kernels::{self as kernels, read};
use electra_model::shapes::Shapes;

use super::chain::Chain;
use super::linear::LinearHead;

/// File of a folder with the learned scores of sequences.
pub(super) const CRF_SCORES: &str = "crf.safetensors";

/// Path of the scores among the parameters of a token classifier.
pub(crate) const CRF: &str = "crf";

/// Score of what the scheme forbids. Its exponential is zero, hence so is the gradient, and no
/// update of a gradient changes it.
pub const FORBIDDEN: f32 = -10_000.0;

/// Learned scores of a path of labels, beside the emissions that the network gives each word.
#[derive(Module, Debug)]
pub struct Crf {
    /// `[L]`: of the first label.
    pub begin: Param<Tensor<1>>,
    /// `[L, L]`: of a label, by row, followed by another, by column.
    pub next: Param<Tensor<2>>,
    /// `[L]`: of the last label.
    pub end: Param<Tensor<1>>,
}

/// A linear layer under learned scores of sequences.
#[derive(Clone, Copy, Debug)]
pub struct CrfHead<'a> {
    /// Gives the emissions.
    pub(super) linear: LinearHead<'a>,
    /// Scores the paths.
    pub(super) crf: &'a Crf,
}

/// Names and shapes of the scores.
pub(super) fn parameters(labels: usize) -> Shapes {
    let mut shapes = Shapes::new();
    shapes.insert(format!("{CRF}.begin"), vec![labels]);
    shapes.insert(format!("{CRF}.next"), vec![labels, labels]);
    shapes.insert(format!("{CRF}.end"), vec![labels]);
    shapes
}

/// A sentence in a batch: for each of its words the row of its emissions, and its label.
///
/// The rows are in the order of the sentence and may come from several windows of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelledRows {
    /// Index into the `W` words of the batch.
    pub rows: Vec<usize>,
    /// Number of the label.
    pub labels: Vec<usize>,
}

impl Crf {
    /// Zero for everything that the labels' scheme allows, [`FORBIDDEN`] for the rest.
    pub fn init(labels: &LabelSet, device: &Device) -> Self {
        let (l, score) = (labels.len(), |may: bool| if may { 0.0 } else { FORBIDDEN });
        let begin: Vec<f32> = (0..l).map(|id| score(labels.may_begin(id))).collect();
        let next: Vec<f32> = (0..l * l).map(|pair| score(labels.may_follow(pair / l, pair % l))).collect();
        let end: Vec<f32> = (0..l).map(|id| score(labels.may_end(id))).collect();
        Self {
            begin: parameter(begin, [l], device),
            next: parameter(next, [l, l], device),
            end: parameter(end, [l], device),
        }
    }

    /// The scores of the CRF on the host, for decoding.
    pub fn chain(&self) -> Chain {
        // Half of it leaves room for whatever weight decay takes away from a forbidden score.
        let score = |score: f32| if score <= FORBIDDEN / 2.0 { f64::NEG_INFINITY } else { f64::from(score) };
        let scores = |data: TensorData| data.iter::<f32>().map(score).collect::<Vec<_>>();
        Chain::new(
            scores(read(self.begin.val())),
            scores(read(self.next.val())),
            scores(read(self.end.val())),
        )
    }

    /// `-log P(labels)`, summed over `sentences`, `[1]`: `emissions [W, L]` are the logits of the
    /// batch's words. Rows that no sentence names get no gradient.
    ///
    /// The gradient is the one that the forward and backward pass give on the host, where a chain
    /// of a few labels costs microseconds: expected minus observed. The tensor that is returned
    /// has this gradient and the right value.
    ///
    /// Panics if a sentence has not one label for each of its rows, or a number out of range.
    pub fn negative_log_likelihood(&self, emissions: Tensor<2>, sentences: &[LabelledRows]) -> Tensor<1> {
        let [_, l] = emissions.dims();
        assert_eq!(self.begin.dims(), [l], "emissions of {l} labels");
        let values: Vec<f32> = read(emissions.clone().detach()).iter::<f32>().collect();
        let SequenceGradient { loss, emissions: of_emissions, transitions } =
            self.gradient(&values, sentences);
        let linear = times(emissions, &of_emissions) + self.times(&transitions);
        linear.clone() - linear.detach() + loss
    }

    /// Value and gradient of [`negative_log_likelihood`](Self::negative_log_likelihood) on the host,
    /// where not all emissions of a sentence are on the device at once.
    pub(super) fn gradient(&self, emissions: &[f32], sentences: &[LabelledRows]) -> SequenceGradient {
        let [l] = self.begin.dims();
        let chain = self.chain();
        let mut loss = 0.0;
        // Expected minus observed counts.
        let mut of_emissions = vec![0.0; emissions.len()];
        let (mut of_begin, mut of_next, mut of_end) = (vec![0.0; l], vec![0.0; l * l], vec![0.0; l]);
        for LabelledRows { rows, labels } in sentences {
            assert_eq!(rows.len(), labels.len(), "one label for each word");
            let (Some(&first), Some(&last)) = (labels.first(), labels.last()) else { continue };
            let own: Vec<f32> = rows.iter().flat_map(|&row| &emissions[row * l..][..l]).copied().collect();
            let posterior = chain.posterior(&own);
            loss += posterior.log_partition - chain.score(&own, labels);
            for ((row, label), expected) in rows.iter().zip(labels).zip(posterior.words.chunks(l)) {
                let sums = &mut of_emissions[row * l..][..l];
                sums.iter_mut().zip(expected).for_each(|(sum, p)| *sum += p);
                sums[*label] -= 1.0;
            }
            of_next.iter_mut().zip(&posterior.transitions).for_each(|(sum, p)| *sum += p);
            labels.windows(2).for_each(|pair| of_next[pair[0] * l + pair[1]] -= 1.0);
            let ends = [&posterior.words[..l], &posterior.words[posterior.words.len() - l..]];
            of_begin.iter_mut().zip(ends[0]).for_each(|(sum, p)| *sum += p);
            of_end.iter_mut().zip(ends[1]).for_each(|(sum, p)| *sum += p);
            of_begin[first] -= 1.0;
            of_end[last] -= 1.0;
        }
        SequenceGradient { loss, emissions: of_emissions, transitions: [of_begin, of_next, of_end] }
    }

    /// The contribution of one part of a batch to the loss and gradient that `whole` has of all of it:
    /// `emissions [W, L]` are the logits of the part's words, behind those of the parts before. The value and
    /// the transitions come with the first part.
    pub(super) fn next_part(&self, emissions: Tensor<2>, whole: &mut SequenceGradient) -> Tensor<1> {
        let [words, l] = emissions.dims();
        let rest = whole.emissions.split_off(words * l);
        let mut linear = times(emissions, &std::mem::replace(&mut whole.emissions, rest));
        let transitions = std::mem::take(&mut whole.transitions);
        if !transitions[0].is_empty() {
            linear = linear + self.times(&transitions);
        }
        linear.clone() - linear.detach() + std::mem::take(&mut whole.loss)
    }

    /// Sum of the scores times their gradient, `[1]`.
    fn times(&self, [of_begin, of_next, of_end]: &[Vec<f64>; 3]) -> Tensor<1> {
        let l = of_begin.len();
        let device = self.begin.val().device();
        kernels::sum(self.begin.val() * constant(of_begin, [l], &device))
            + kernels::sum(self.next.val() * constant(of_next, [l, l], &device))
            + kernels::sum(self.end.val() * constant(of_end, [l], &device))
    }
}

/// Negative log-likelihood of sentences and its gradient, on the host.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SequenceGradient {
    /// `-log P(labels)`, summed.
    loss: f64,
    /// `[W, L]`: by the emissions.
    emissions: Vec<f64>,
    /// By [`Crf::begin`], [`Crf::next`] and [`Crf::end`].
    transitions: [Vec<f64>; 3],
}

/// Sum of emissions `[W, L]` times their gradient, `[1]`.
fn times(emissions: Tensor<2>, gradient: &[f64]) -> Tensor<1> {
    let (shape, device) = (emissions.dims(), emissions.device());
    kernels::sum(emissions * constant(gradient, shape, &device))
}

fn parameter<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
    let value = Tensor::from_data(TensorData::new(values, shape), device);
    Param::initialized(ParamId::new(), if device.is_autodiff() { value.require_grad() } else { value })
}

fn constant<const D: usize>(values: &[f64], shape: [usize; D], device: &Device) -> Tensor<D> {
    let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}
