//! Messages that are slowed down on purpose, and the model that predicts what they cost.

use burn::prelude::Device;
use electra_pretrain::bench::{StepBench, bench_step_on};
use electra_pretrain::plan::Machine;
use electra_ranks::{Communicator, Network, Slowed, threads};

use crate::run::Bench;

#[test]
fn steps_with_slow_messages_take_the_time_of_the_way_up_and_down_the_tree() {
    let bench = Bench::new();
    let recipe = bench.recipe(&[]).value;
    let network = Network { gigabits: 0.2, latency: 1e-4 };
    let steps = StepBench {
        device: Device::flex(),
        device_name: "flex".into(),
        threads: 1,
        warmup: 0,
        steps: 2,
        peak_flops: None,
    };
    for ranks in [2, 3] {
        let timings = threads::run(ranks, |rank| {
            let slowed = Slowed::new(rank, network);
            bench_step_on(&Communicator::new(&slowed), &recipe, &steps, |_, _| {}).unwrap()
        });
        let model = Machine { ranks, network: Some(network) }.forecast(&recipe, 0.0).unwrap();
        let message = network.seconds(4 * parameters(&recipe));
        let levels = f64::from(ranks.next_power_of_two().trailing_zeros());
        // Up all levels and down again, and what the ranks tell each other.
        let gradients = 2.0 * levels * message;
        assert!(
            (gradients..1.5 * gradients).contains(&model.communication_seconds),
            "{model:?}, {gradients} s"
        );
        for (rank, timings) in timings.into_iter().enumerate() {
            // The first waits for every level; another one at least for the sum, as it may begin later.
            let least = if rank == 0 { levels * message } else { message };
            let seconds = &timings.step_seconds;
            assert!(
                seconds.iter().all(|&seconds| seconds > least),
                "rank {rank}: {seconds:?}, {least} s at least"
            );
            let of_ranks = timings.of_ranks.unwrap();
            assert_eq!(of_ranks.ranks, ranks);
            // What was measured is the network that there is: the messages of threads cost next to nothing.
            assert!((of_ranks.gigabits / network.gigabits - 1.0).abs() < 0.2, "{of_ranks:?}");
            assert!(of_ranks.latency_us >= 100.0, "{of_ranks:?}");
        }
    }
}

fn parameters(recipe: &electra_pretrain::Recipe) -> usize {
    electra_model::flops::ParameterCount::of(&recipe.model, recipe.architecture()).total()
}
