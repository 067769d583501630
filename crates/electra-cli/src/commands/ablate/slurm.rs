//! The script that runs the arms as an array job of Slurm.

use std::path::Path;

use electra_ablate::experiment::Seeds;
use electra_files::shown::{has_control, shell_word};

use super::setup::Setup;
use crate::failure::{self, Failure};

/// A script for `sbatch`: a task for each run, no more than `jobs` at a time if that is said, each of which
/// saves when its time is up and is queued again. Outside of an array it does what is left when all have
/// ended, which no task can do alone: judging all discriminators on common text, and the report.
///
/// # Errors
/// If the working folder has no name, or a name cannot stand in a script.
pub(super) fn script(setup: &Setup, seeds: Option<&Seeds>, jobs: Option<u16>) -> Result<String, Failure> {
    let plan = &setup.plan;
    let folder = std::env::current_dir().map_err(Failure::of_system)?;
    let program = std::env::current_exe().map_err(Failure::of_system)?;
    for path in [&setup.out, &setup.file.path, &folder, &program] {
        check_name("the path", &path.display().to_string())?;
    }
    check_name("the name of the experiment", &plan.experiment)?;
    plan.arms.iter().try_for_each(|arm| check_name("the name of the arm", &arm.name))?;
    let path = |path: &Path| shell_word(&path.display().to_string());
    let seeds = seeds.map_or(String::new(), |seeds| format!(" --seeds {seeds}"));
    let last = plan.jobs.len() - 1;
    let at_most = jobs.map_or(String::new(), |jobs| format!("%{jobs}"));
    let tasks: String =
        plan.jobs.iter().map(|job| format!("# {:>5}  {}\n", job.index, setup.name_of(job))).collect();
    Ok(format!(
        r#"#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array=0-{last}{at_most}
#SBATCH --cpus-per-task={threads}
#SBATCH --signal=B:TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output={logs}/slurm-%A_%a.log
#
# Add --time, --partition and --gres as your cluster wants them, and `mkdir -p {logs}` before sbatch.
# A task that is told to stop saves and is queued again; one that is finished ends at once.
#
# When all tasks have ended, this script once more outside of the array: it judges the discriminators of
# all arms on common text, which needs the runs of the base arm, and writes the report.
#     sbatch --dependency=afterany:JOB --cpus-per-task={threads} --wrap "bash array.sh"
# with the number that sbatch has said for JOB and the name of this file for array.sh. Then:
#     electra compare {experiment_folder}
#
{tasks}
cd {folder}
only=()
if [ -n "${{SLURM_ARRAY_TASK_ID:-}}" ]; then
    only=(--only "$SLURM_ARRAY_TASK_ID")
fi
{electra} ablate {experiment}{seeds} "${{only[@]}}" \
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
if [ "$code" -eq {interrupted} ] && [ -n "${{SLURM_ARRAY_TASK_ID:-}}" ]; then
    scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"
elif [ "$code" -eq {interrupted} ] && [ -n "${{SLURM_JOB_ID:-}}" ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
"#,
        name = shell_word(&plan.experiment),
        threads = setup.threads,
        logs = path(&setup.out),
        experiment_folder = path(setup.file.folder()),
        folder = path(&folder),
        electra = path(&program),
        experiment = path(&setup.file.path),
        out = path(&setup.out),
        device = setup.device,
        interrupted = failure::INTERRUPTED,
    ))
}

/// Refuses a name that would end the line of the script in which it stands: the rest of it would be a
/// command, and Slurm reads its own lines by rules without such characters.
fn check_name(what: &str, name: &str) -> Result<(), Failure> {
    if !has_control(name) {
        return Ok(());
    }
    let message = format!("{what} {name:?} has a control character, which cannot stand in a script");
    Err(Failure::new(message, "give another name, or rename the file or folder"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_end_a_line_are_refused_and_others_are_words() {
        for name in ["a\ntouch x", "a\r", "\x1b[2J"] {
            let told = check_name("the folder", name).unwrap_err().in_one_line();
            assert!(told.starts_with("the folder \"") && told.contains("control character"), "{told}");
            assert!(!told.chars().any(char::is_control), "{told:?}");
        }
        assert!(check_name("the folder", "my runs/it's $(x)").is_ok());
    }
}
