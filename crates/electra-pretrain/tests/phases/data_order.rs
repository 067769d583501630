//! Which rows phases read: a source goes on where it was left, and rows are masked by their number in the run.

use electra_model::BatchData;
use electra_pretrain::Recipe;
use electra_pretrain::data::{batch_plan, open_data};
use electra_pretrain::loader::Loader;
use electra_pretrain::phases::RunData;
use electra_text::Split;

use crate::{POSITIONS, SHORT_THEN_LONG, bench};

/// The batches of all steps of a run.
fn batches(recipe: &Recipe) -> Vec<BatchData> {
    let data = RunData::open(recipe).unwrap();
    let mut read = Vec::new();
    for (phase, reading) in recipe.phases().into_iter().zip(data.phases()) {
        let (data, start) = (reading.data.clone(), reading.start.clone());
        let loader = Loader::starting(data, start, batch_plan(&phase.recipe)).unwrap();
        for step in phase.first_step..phase.end_step() {
            read.extend(loader.at(step).unwrap());
        }
        assert_eq!(loader.epochs(phase.first_step), reading.start.epochs);
    }
    read
}

#[test]
fn a_folder_is_read_on_after_a_phase_with_another_one_and_its_rows_are_masked_anew() {
    let bench = bench();
    let rows = RunData::open(&bench.recipe(&[]).value).unwrap().first().rows(Split::Train) as u64;
    // An epoch of the folder in two phases, with another between them.
    let phases = format!(
        "[[phases]]\nsteps = 2\nbatch_size = {}\nmicro_batch_size = 1\n\
         [[phases]]\nsteps = 3\ndata = {{ path = \"DIR/long\", sequence_length = 32 }}\n\
         [[phases]]\nsteps = {}\nbatch_size = 1\nmicro_batch_size = 1\n",
        rows / 4,
        rows - 2 * (rows / 4) + rows
    );
    let recipe = bench.phased(&phases, &[POSITIONS]).value;
    let read = batches(&recipe);
    let short = |batch: &&BatchData| batch.sequence_length == 16;
    let of_folder: Vec<&BatchData> = read.iter().filter(short).collect();
    assert_eq!(of_folder.len() as u64, 2 * rows);
    // The rows that a run reads that has this folder alone, in its order.
    let alone = bench.recipe(&["train.batch_size=1"]).value;
    let alone = Loader::new(open_data(&alone).unwrap(), batch_plan(&alone)).unwrap();
    let before = 2 * (rows / 4);
    for (number, of_phases) in (0..).zip(&of_folder) {
        let [expected] = &alone.at(number).unwrap()[..] else { panic!("a step of one row") };
        assert!(of_phases.ids == expected.ids, "row {number}");
        // Masks and samples are those of the row's number in the run, in which the other phase has 24 rows.
        assert_eq!(of_phases.uniforms == expected.uniforms, number < before, "row {number}");
    }
}

#[test]
fn phases_that_differ_in_data_alone_mask_each_row_by_its_number_in_the_run() {
    let bench = bench();
    let recipe = bench.phased(SHORT_THEN_LONG, &[POSITIONS]).value;
    let data = RunData::open(&recipe).unwrap();
    let starts: Vec<(u64, u64, u64)> = data
        .phases()
        .iter()
        .map(|phase| (phase.start.step, phase.start.rows, phase.start.position))
        .collect();
    assert_eq!(starts, [(0, 0, 0), (4, 32, 0)]);
    // Two folders, so the second is the source numbered 1.
    assert_eq!(data.phases()[1].start.sources[0].number, 1);
    let same = bench.phased("[[phases]]\nsteps = 3\n[[phases]]\nsteps = 5\nbatch_size = 2\n", &[]).value;
    let data = RunData::open(&same).unwrap();
    let second = &data.phases()[1].start;
    assert_eq!((second.rows, second.position, second.sources[0].number), (24, 24, 0));
}
