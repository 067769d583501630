//! Sums along a tree over leaves, by one process and by the threads of it.

use electra_ranks::{Communicator, Floats, OneProcess, RankError, Ranks, Shares, TreeSum, threads};
use proptest::prelude::*;

/// The sum of leaves by so many ranks, as every rank has it.
fn sums(leaves: &[Vec<f32>], ranks: usize) -> Vec<Vec<f32>> {
    let work = |ranks: &dyn Ranks| {
        let communicator = Communicator::new(ranks);
        let shares = Shares::new(leaves.len(), ranks.size());
        let mut sum = TreeSum::new(&communicator, shares, Floats { length: leaves[0].len() });
        shares.of(ranks.rank()).for_each(|leaf| sum.push(leaves[leaf].clone()));
        sum.finish().unwrap()
    };
    if ranks == 1 { vec![work(&OneProcess)] } else { threads::run(ranks, |rank| work(&rank)) }
}

/// The sum by the definition: halves of the next power of two.
fn by_definition(leaves: &[Vec<f32>]) -> Vec<f32> {
    match leaves {
        [leaf] => leaf.clone(),
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            let (left, right) = (by_definition(left), by_definition(right));
            left.iter().zip(&right).map(|(left, right)| left + right).collect()
        }
    }
}

fn bits(floats: &[f32]) -> Vec<u32> {
    floats.iter().map(|float| float.to_bits()).collect()
}

proptest! {
    #[test]
    fn a_sum_has_the_bits_of_its_definition_on_any_number_of_ranks(
        leaves in prop::collection::vec(prop::collection::vec(-1e10f32..1e10, 3), 1..20),
    ) {
        let expected = bits(&by_definition(&leaves));
        for ranks in 1..=leaves.len().min(9) {
            for sum in sums(&leaves, ranks) {
                prop_assert_eq!(&bits(&sum), &expected, "{} leaves on {} ranks", leaves.len(), ranks);
            }
        }
    }
}

#[test]
fn one_and_two_leaves_add_up_as_a_fold_does_and_more_do_not() {
    let leaves: Vec<Vec<f32>> = [1.0e8, 1.0, -1.0e8, 1.0].map(|x| vec![x]).to_vec();
    let fold = |count: usize| leaves[..count].iter().map(|leaf| leaf[0]).fold(0.0f32, |sum, leaf| sum + leaf);
    for count in [1, 2] {
        assert_eq!(sums(&leaves[..count], 1)[0], [fold(count)]);
    }
    assert_eq!((fold(4), sums(&leaves, 1)[0][0], sums(&leaves, 3)[1][0]), (1.0, 0.0, 0.0));
}

#[test]
fn every_rank_learns_what_each_has_to_say() {
    let said = threads::run(5, |rank| {
        let communicator = Communicator::new(&rank);
        let all = communicator.gather(Ok(vec![rank.rank() as u8; rank.rank()])).unwrap();
        (all, communicator.broadcast(vec![rank.rank() as u8; 3]).unwrap())
    });
    let expected: Vec<Vec<u8>> = (0..5).map(|rank| vec![rank; rank.into()]).collect();
    assert!(said.iter().all(|(all, of_first)| *all == expected && *of_first == [0; 3]), "{said:?}");
    assert_eq!(Communicator::alone().gather(Ok(vec![7])), Ok(vec![vec![7]]));
}

#[test]
fn the_error_of_one_rank_is_that_of_all() {
    let expected = RankError::Failed { rank: 2, message: "no disk".into() };
    let found = threads::run(4, |rank| {
        let own = if rank.rank() == 2 { Err("no disk".to_owned()) } else { Ok(vec![]) };
        Communicator::new(&rank).gather(own).unwrap_err()
    });
    assert_eq!(found, vec![expected; 4]);
    let told = threads::run(2, |rank| {
        let communicator = Communicator::new(&rank);
        if rank.rank() == 1 {
            communicator.fail("out of memory");
            return None;
        }
        communicator.gather(Ok(vec![])).err()
    });
    let failed = RankError::Failed { rank: 1, message: "out of memory".into() };
    assert_eq!(told, [Some(failed), None]);
}

#[test]
fn a_rank_that_has_ended_ends_the_others() {
    let found = threads::run(3, |rank| {
        if rank.rank() == 1 {
            return None;
        }
        Communicator::new(&rank).gather(Ok(vec![])).err()
    });
    assert_eq!(found[0], Some(RankError::Ended { rank: 1, place: None }));
    assert!(found[2].is_some());
}

#[test]
fn what_differs_is_said_with_the_rank_that_has_it() {
    let compare = |values: [&'static str; 3]| {
        let found = threads::run(3, |rank| {
            let own =
                [("another program", "p".to_owned()), ("another recipe", values[rank.rank()].to_owned())];
            Communicator::new(&rank).compare(&own)
        });
        assert!(found.iter().all(|result| *result == found[0]));
        found.into_iter().next().unwrap()
    };
    assert_eq!(compare(["x", "x", "x"]), Ok(()));
    let error = compare(["x", "y", "x"]).unwrap_err();
    assert_eq!(error.to_string(), "rank 1 has another recipe than rank 0: y there, x here");
    let error = compare(["y", "x", "x"]).unwrap_err();
    assert_eq!(error.to_string(), "rank 0 has another recipe than rank 1: y there, x here");
}
