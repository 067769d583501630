//! The process that drives an experiment, with which those that it has started end.

use electra_run::process;

use crate::failure::Failure;

/// Names the process that a child ends with.
pub const DRIVER: &str = "ELECTRA_DRIVER";

/// If a driver has started this process, the two end together: its death, however it comes, is a
/// SIGTERM here.
///
/// # Errors
/// If the driver has died before, or the system refuses.
pub fn end_with_driver() -> Result<(), Failure> {
    let Some(driver) = std::env::var(DRIVER).ok().and_then(|pid| pid.parse().ok()) else {
        return Ok(());
    };
    #[cfg(target_os = "linux")]
    if !process::end_with_parent(driver).map_err(Failure::of_system)? {
        return Err(Failure::new(
            format!("process {driver}, which started this one, has ended"),
            "give the command that started it again",
        ));
    }
    #[cfg(not(target_os = "linux"))]
    let _: u32 = driver;
    Ok(())
}
