//! What launchers of several processes say in the environment.

/// The variable of OpenMPI's mpirun.
pub const OPENMPI: &str = "OMPI_COMM_WORLD_SIZE";

/// Variables in which launchers say how many processes they have started together: OpenMPI's mpirun, MPICH's and those
/// of its relatives, and Slurm's srun.
const SIZES: [&str; 3] = [OPENMPI, "PMI_SIZE", "SLURM_STEP_NUM_TASKS"];

/// Variables in which they say how many of these run on this machine.
const SIZES_HERE: [&str; 3] = ["OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS", "SLURM_STEP_TASKS_PER_NODE"];

/// Variables in which they say which of these this one is.
const RANKS: [&str; 3] = ["OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID"];

/// The variable in which OpenMPI is told how many seconds lie between a request to end and the end by force.
pub const SECONDS_TO_END: &str = "OMPI_MCA_odls_base_sigkill_timeout";

/// The variable and the number of processes that were started together with this one, where there are several, by the
/// variables of the environment that `get` knows.
pub fn announced(get: impl Fn(&str) -> Option<String>) -> Option<(&'static str, usize)> {
    let sizes =
        SIZES.into_iter().filter_map(|variable| Some((variable, get(variable)?.trim().parse().ok()?)));
    sizes.into_iter().find(|(_, size)| *size > 1)
}

/// The number of this process among those that were started together, as far as it is known.
pub fn announced_rank(get: impl Fn(&str) -> Option<String>) -> usize {
    RANKS.into_iter().find_map(|variable| get(variable)?.trim().parse().ok()).unwrap_or(0)
}

/// The number of processes on this machine among those that were started together, as far as it is known.
pub fn announced_here(get: impl Fn(&str) -> Option<String>) -> usize {
    // Slurm writes "2" or "2(x3)", and "2,1" where machines differ: the first stands for all.
    let number = |text: String| text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok();
    SIZES_HERE.into_iter().find_map(|variable| get(variable).and_then(number)).unwrap_or(1).max(1)
}

/// Whether OpenMPI's mpirun ends this process by force within so few seconds after a request to end that a step may
/// not be over: the seconds.
pub fn seconds_to_end(get: impl Fn(&str) -> Option<String>) -> Option<u64> {
    let _ = get(OPENMPI)?;
    let seconds = get(SECONDS_TO_END).and_then(|text| text.trim().parse().ok()).unwrap_or(1);
    (seconds < 120).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'a>(variables: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn several_processes_are_announced_by_every_launcher_and_one_by_none() {
        for variable in SIZES {
            assert_eq!(announced(of(&[(variable, "3")])), Some((variable, 3)));
            assert_eq!(announced(of(&[(variable, "1")])), None);
            assert_eq!(announced(of(&[(variable, "many")])), None);
        }
        // A task of an array is alone, however many there are.
        assert_eq!(announced(of(&[("SLURM_NTASKS", "1"), ("SLURM_ARRAY_TASK_COUNT", "40")])), None);
        assert_eq!(announced(of(&[("PMI_SIZE", "1"), ("SLURM_STEP_NUM_TASKS", "2")])), Some((SIZES[2], 2)));
    }

    #[test]
    fn processes_of_this_machine_are_known_where_the_launcher_says_so() {
        assert_eq!(announced_here(of(&[])), 1);
        assert_eq!(announced_here(of(&[("OMPI_COMM_WORLD_LOCAL_SIZE", "4")])), 4);
        assert_eq!(announced_here(of(&[("SLURM_STEP_TASKS_PER_NODE", "2(x3)")])), 2);
    }

    #[test]
    fn openmpi_gives_a_second_unless_it_is_told_otherwise() {
        let ranks = ("OMPI_COMM_WORLD_SIZE", "2");
        assert_eq!(seconds_to_end(of(&[])), None);
        assert_eq!(seconds_to_end(of(&[ranks])), Some(1));
        assert_eq!(seconds_to_end(of(&[ranks, (SECONDS_TO_END, "30")])), Some(30));
        assert_eq!(seconds_to_end(of(&[ranks, (SECONDS_TO_END, "120")])), None);
    }
}
