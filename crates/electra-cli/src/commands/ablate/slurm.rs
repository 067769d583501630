//! The same runs as an array job of Slurm.

use std::path::Path;

use electra_ablate::experiment::Seeds;

use super::job::Setup;
use crate::failure::{self, Failure};

/// A script for `sbatch`: a task for each run, no more than `jobs` at a time, each of which saves
/// when its time is up and is queued again.
///
/// # Errors
/// If the working folder has no name.
pub(super) fn script(setup: &Setup, seeds: Option<&Seeds>, jobs: usize) -> Result<String, Failure> {
    let folder = std::env::current_dir()?;
    let path = |path: &Path| quoted(&path.display().to_string());
    let seeds = seeds.map_or(String::new(), |seeds| format!(" --seeds {seeds}"));
    let plan = &setup.plan;
    let last = plan.jobs.len() - 1;
    let tasks: String =
        plan.jobs.iter().map(|job| format!("# {:>5}  {}\n", job.index, setup.name_of(job))).collect();
    Ok(format!(
        r#"#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array=0-{last}%{jobs}
#SBATCH --cpus-per-task={threads}
#SBATCH --signal=B:TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output={logs}/slurm-%A_%a.log
#
# Add --time, --partition and --gres as your cluster wants them, and `mkdir -p {logs}` before sbatch.
# A task that is told to stop saves and is queued again; one that is finished ends at once.
# Afterwards: electra compare {experiment_folder}
#
{tasks}
cd {folder}
{electra} ablate {experiment}{seeds} --only "$SLURM_ARRAY_TASK_ID" \
    --out {out} --threads {threads} --device {device} &
task=$!
told=
trap 'told=1; kill -TERM "$task"' TERM
wait "$task"
code=$?
# The signal ends the first wait, not the task.
if [ -n "$told" ]; then
    wait "$task"
    code=$?
fi
if [ "$code" -eq {interrupted} ]; then
    scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"
fi
exit "$code"
"#,
        name = quoted(&plan.experiment),
        threads = setup.threads,
        logs = path(&setup.out),
        experiment_folder = path(setup.file.folder()),
        folder = path(&folder),
        electra = path(&std::env::current_exe()?),
        experiment = path(&setup.file.path),
        out = path(&setup.out),
        device = setup.device,
        interrupted = failure::INTERRUPTED,
    ))
}

/// A word of a shell.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_shell_stay_in_one_piece() {
        assert_eq!(quoted("runs/a_b-1.toml"), "runs/a_b-1.toml");
        assert_eq!(quoted("my runs/it's"), r"'my runs/it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
