//! A check that the models which an experiment pretrains can be fine-tuned.

use std::collections::HashSet;

use electra_ablate::plan::PlannedArm;
use electra_ablate::record::ResultRecord;
use electra_annotations::{Overlap, Splits, overlap_warnings};
use electra_ner::check_finetuning;

use super::probe::ProbePlan;
use super::setup::Setup;
use crate::failure::{self, Failure};

impl Setup {
    /// Looks whether what is pretrained can be fine-tuned, wherever an arm has no result among
    /// `found` yet: nobody should learn after days of pretraining that it cannot.
    ///
    /// # Errors
    /// What `electra finetune ner` would refuse.
    pub(super) fn check_probes(&self, found: &[ResultRecord]) -> Result<(), Failure> {
        let open = self.plan.jobs.iter().filter(|job| !self.is_answered(job, found));
        let open: HashSet<usize> = open.map(|job| job.arm).collect();
        let mut splits = None;
        for (number, plan) in self.probes.iter().enumerate().filter(|(number, _)| open.contains(number)) {
            let arm = &self.plan.arms[number];
            let in_arm = |failure: Failure| failure.about(&format!("the probe of arm `{}`", arm.name));
            // All arms have the same files, if perhaps divided into other words.
            let words = plan.words().map_err(in_arm)?;
            let splits = match &mut splits {
                Some((of_words, splits)) if *of_words == words => splits,
                others => &mut others.insert((words, plan.splits().map_err(in_arm)?)).1,
            };
            self.check_probe(plan, arm, splits).map_err(in_arm)?;
        }
        if let Some((_, splits)) = &splits {
            for warning in overlap_warnings(splits, &Overlap::all(splits, None)) {
                eprintln!("WARNING: the data of the probe: {warning}");
            }
        }
        Ok(())
    }

    fn check_probe(&self, plan: &ProbePlan, arm: &PlannedArm, splits: &Splits) -> Result<(), Failure> {
        let model = self.recipes.load(&arm.overrides).map_err(failure::recipe)?.value.model;
        let recipe = plan.recipe_for(model.max_position_embeddings)?.value;
        check_finetuning(&recipe, &self.file.base(), &model, splits)?;
        self.device.open_with(recipe.train.precision)?;
        Ok(())
    }
}
