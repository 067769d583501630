//! Times each operation, forward and backward, at the shapes of a pretraining step, fused against
//! composed: `cargo run --release -p electra-kernels --features flex --example step_shapes`.
//!
//! An optional argument is the number of repetitions. Compare ratios of one run only.

use std::time::Instant;

use burn::prelude::*;
use burn::tensor::Distribution;
use electra_kernels as fused;
use electra_kernels::{AdamStep, Dropout, Precision, composed};

/// Sizes of one model at one batch.
struct Shapes {
    name: &'static str,
    batch: usize,
    sequence: usize,
    hidden: usize,
    heads: usize,
    feed_forward: usize,
    embedding: usize,
    vocabulary: usize,
    slots: usize,
}

const SMALL: Shapes = Shapes {
    name: "small, 16 x 128",
    batch: 16,
    sequence: 128,
    hidden: 256,
    heads: 4,
    feed_forward: 1024,
    embedding: 128,
    vocabulary: 30_522,
    slots: 20,
};

const TINY: Shapes = Shapes {
    name: "tiny, 32 x 128",
    batch: 32,
    sequence: 128,
    hidden: 128,
    heads: 2,
    feed_forward: 512,
    embedding: 64,
    vocabulary: 8192,
    slots: 20,
};

/// Milliseconds of the fastest repetition of each alternative, interleaved.
fn race(repetitions: usize, alternatives: &[&dyn Fn()]) -> Vec<f64> {
    let mut best = vec![f64::INFINITY; alternatives.len()];
    for _ in 0..repetitions {
        for (best, alternative) in best.iter_mut().zip(alternatives) {
            let start = Instant::now();
            alternative();
            *best = best.min(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    best
}

fn report(what: &str, flops: f64, repetitions: usize, fused: &dyn Fn(), composed: &dyn Fn()) {
    let times = race(repetitions, &[fused, composed]);
    let rate = flops / times[0] / 1e6;
    let ratio = times[1] / times[0];
    println!("{what:<28} {:>9.3} {:>9.3} {ratio:>7.2} {rate:>9.1}", times[0], times[1]);
}

fn main() {
    let repetitions = std::env::args().nth(1).map_or(10, |n| n.parse().expect("a number"));
    for shapes in [SMALL, TINY] {
        println!("\n{}", shapes.name);
        println!("{:<28} {:>9} {:>9} {:>7} {:>9}", "", "fused ms", "composed", "ratio", "GFLOP/s");
        run(&shapes, repetitions);
    }
}

fn run(shapes: &Shapes, n: usize) {
    let Shapes { batch, sequence, hidden, heads, feed_forward, embedding, vocabulary, slots, .. } = *shapes;
    let device = Device::flex().autodiff();
    let normal = Distribution::Normal(0.0, 0.5);
    let leaf = |shape: [usize; 2]| Tensor::<2>::random(shape, normal, &device).require_grad();
    let rows = batch * sequence;
    let dropping = Dropout::new(0.1, 1);
    let backward = |y: Tensor<3>| drop_gradients(y.sum());
    let wide = |x: &Tensor<2>| {
        let [_, width] = x.dims();
        x.clone().reshape([batch, sequence, width])
    };

    for (what, inputs, outputs) in [("linear H x H", hidden, hidden), ("linear F x H", feed_forward, hidden)]
    {
        let (x, w, b) = (leaf([rows, inputs]), leaf([inputs, outputs]), leaf([1, outputs]));
        let flops = 6.0 * (rows * inputs * outputs) as f64;
        report(
            what,
            flops,
            n,
            &|| backward(fused::linear(wide(&x), w.clone(), b.clone().reshape([outputs]), Precision::F32)),
            &|| backward(composed::linear(wide(&x), w.clone(), b.clone().reshape([outputs]), Precision::F32)),
        );
    }

    let (x, w, b) = (leaf([rows, hidden]), leaf([hidden, feed_forward]), leaf([1, feed_forward]));
    let bias = || b.clone().reshape([feed_forward]);
    report(
        "linear + gelu H x F",
        6.0 * (rows * hidden * feed_forward) as f64,
        n,
        &|| backward(fused::linear_gelu(wide(&x), w.clone(), bias(), Precision::F32)),
        &|| backward(composed::linear_gelu(wide(&x), w.clone(), bias(), Precision::F32)),
    );

    let (branch, gamma) = (leaf([rows, hidden]), leaf([1, hidden]));
    let gamma = || gamma.clone().reshape([hidden]);
    for (what, drop) in [("residual layer norm", Dropout::OFF), ("... with dropout", dropping)] {
        type LayerNormParams = fn(Tensor<3>, Tensor<3>, Dropout, Tensor<1>, Tensor<1>, f64) -> Tensor<3>;
        let call =
            |norm: LayerNormParams| backward(norm(wide(&x), wide(&branch), drop, gamma(), gamma(), 1e-12));
        report(what, 0.0, n, &|| call(fused::residual_layer_norm), &|| call(composed::residual_layer_norm));
    }

    let affine = |inputs: usize, outputs: usize| fused::LinearParams {
        weight: leaf([inputs, outputs]),
        bias: leaf([1, outputs]).reshape([outputs]),
    };
    let norm = || fused::LayerNormParams { gamma: gamma(), beta: gamma(), eps: 1e-12 };
    let attention = fused::AttentionBlock {
        query: affine(hidden, hidden),
        key: affine(hidden, hidden),
        value: affine(hidden, hidden),
        output: affine(hidden, hidden),
        norm: norm(),
        heads,
    };
    let key_bias = Tensor::<2>::zeros([batch, sequence], &device);
    for (what, drop) in [("attention block", Dropout::OFF), ("... with dropout", dropping)] {
        type Block = fn(Tensor<3>, Tensor<2>, fused::AttentionBlock, [Dropout; 2], Precision) -> Tensor<3>;
        let call = |block: Block| {
            backward(block(wide(&x), key_bias.clone(), attention.clone(), [drop; 2], Precision::F32))
        };
        let flops = (12 * sequence + 24 * hidden) as f64 * (rows * hidden) as f64;
        report(what, flops, n, &|| call(fused::attention_block), &|| call(composed::attention_block));
    }

    let block = fused::FeedForwardBlock {
        intermediate: affine(hidden, feed_forward),
        output: affine(feed_forward, hidden),
        norm: norm(),
    };
    for (what, drop) in [("feed-forward block", Dropout::OFF), ("... with dropout", dropping)] {
        type Block = fn(Tensor<3>, fused::FeedForwardBlock, Dropout, Precision) -> Tensor<3>;
        let call = |call: Block| backward(call(wide(&x), block.clone(), drop, Precision::F32));
        let flops = 12.0 * (rows * hidden * feed_forward) as f64;
        report(what, flops, n, &|| call(fused::feed_forward_block), &|| call(composed::feed_forward_block));
    }

    let m = batch * slots;
    let (h, table, b) = (leaf([m, embedding]), leaf([vocabulary, embedding]), leaf([1, vocabulary]));
    let ids = |count: usize, bound: usize| {
        let values: Vec<i64> = (0..count).map(|i| (i * 7919 % bound) as i64).collect();
        Tensor::<1, Int>::from_data(TensorData::new(values, [count]), &device)
    };
    let targets = ids(m, vocabulary);
    type Logits = fn(Tensor<2>, Tensor<2>, Tensor<1>, Precision) -> Tensor<2>;
    type Loss = fn(Tensor<2>, Tensor<1, Int>, Tensor<1>) -> Tensor<1>;
    let head = |logits: Logits, loss: Loss| {
        let logits = logits(h.clone(), table.clone(), b.clone().reshape([vocabulary]), Precision::F32);
        drop_gradients(loss(logits, targets.clone(), Tensor::ones([m], &device)));
    };
    report(
        "logits + cross entropy",
        6.0 * (m * vocabulary * embedding) as f64,
        n,
        &|| head(fused::tied_logits, fused::weighted_cross_entropy),
        &|| head(composed::tied_logits, composed::weighted_cross_entropy),
    );
    let logits = Tensor::<2>::random([m, vocabulary], normal, &Device::flex());
    let uniforms = Tensor::<1>::random([m], Distribution::Default, &Device::flex());
    report(
        "sampling",
        0.0,
        n,
        &|| discard(fused::sample_categorical(logits.clone(), uniforms.clone(), 1.0, None)),
        &|| discard(composed::sample_categorical(logits.clone(), uniforms.clone(), 1.0, None)),
    );

    let (positions, types) = (leaf([512, embedding]), leaf([2, embedding]));
    let words = ids(rows, vocabulary).reshape([batch, sequence]);
    let token_type_ids = ids(rows, 2).reshape([batch, sequence]);
    type Embed = fn(Tensor<2>, Tensor<2>, Tensor<2>, Tensor<2, Int>, Tensor<2, Int>) -> Tensor<3>;
    let call = |embed: Embed| {
        let tables = (table.clone(), positions.clone(), types.clone());
        backward(embed(tables.0, tables.1, tables.2, words.clone(), token_type_ids.clone()))
    };
    report("embed", 0.0, n, &|| call(fused::embed), &|| call(composed::embed));

    let plain = || Tensor::<2>::random([vocabulary, embedding], normal, &Device::flex());
    let (p, g, m, v) = (plain(), plain(), plain(), plain().abs());
    let step = AdamStep {
        learning_rate: 1e-3,
        beta_1: 0.9,
        beta_2: 0.999,
        epsilon: 1e-6,
        weight_decay: 0.01,
        gradient_scale: 1.0,
    };
    report(
        "adam (with copies)",
        0.0,
        n,
        &|| discard(fused::adam_update(p.clone(), g.clone(), m.clone(), v.clone(), step)),
        &|| discard(composed::adam_update(p.clone(), g.clone(), m.clone(), v.clone(), step)),
    );
    report("squared norm", 0.0, n, &|| discard(fused::squared_norm(g.clone()).into_data()), &|| {
        discard(composed::squared_norm(g.clone()).into_data())
    });
}

fn discard<T>(value: T) {
    drop(std::hint::black_box(value));
}

fn drop_gradients(loss: Tensor<1>) {
    discard(loss.backward());
}
