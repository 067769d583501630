//! The display of a run: lines in a pipe, or burn-train's dashboard on a terminal.

use std::io::IsTerminal;
use std::path::Path;
use std::time::Instant;

use clap::ValueEnum;
use electra_pretrain::progress::{evaluation, line};
use electra_pretrain::{Event, Monitor};
use electra_run::interrupt::Interrupt;
use electra_run::metric::Metric;
use electra_run::record::{duration, thousands};
use electra_train::EpochMonitor;

use crate::failure::Failure;
use crate::output;

#[cfg(feature = "tui")]
mod dashboard;
mod epochs;
mod heartbeat;
mod pace;
mod printer;

pub use epochs::EpochLines;

pub use heartbeat::Heartbeat;

use heartbeat::MAX_SILENCE;
use printer::{LinePrinter, note, standard_error};

/// The display of a run's progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Display {
    #[cfg_attr(feature = "tui", doc = "The dashboard on a terminal, lines elsewhere")]
    #[cfg_attr(not(feature = "tui"), doc = "Lines")]
    Auto,
    /// One line for each logging interval or epoch, and one at least every ten seconds
    Lines,
    /// burn-train's dashboard
    #[cfg_attr(not(feature = "tui"), value(hide = true))]
    Dashboard,
    /// Nothing but results and errors
    Quiet,
}

/// The monitor for a display.
///
/// # Errors
/// If the dashboard is asked for and cannot be drawn.
pub fn monitor(display: Display, interrupt: &Interrupt, run: &Path) -> Result<Box<dyn Monitor>, Failure> {
    if display == Display::Quiet {
        return Ok(Box::new(electra_pretrain::monitor::SilentMonitor));
    }
    let wants_dashboard = wants_dashboard(display)?;
    #[cfg(feature = "tui")]
    if wants_dashboard {
        return Ok(Box::new(dashboard::Dashboard::new(interrupt.clone())));
    }
    let _ = wants_dashboard;
    Ok(Box::new(Lines::new(run, interrupt)))
}

/// The monitor of fine-tuning for a display; `metrics` are those of the task.
///
/// # Errors
/// If the dashboard is asked for and cannot be drawn.
pub fn epoch_monitor(
    display: Display,
    interrupt: &Interrupt,
    metrics: &'static [Metric],
) -> Result<Box<dyn EpochMonitor>, Failure> {
    if display == Display::Quiet {
        return Ok(Box::new(electra_train::SilentMonitor));
    }
    let wants_dashboard = wants_dashboard(display)?;
    #[cfg(feature = "tui")]
    if wants_dashboard {
        return Ok(Box::new(dashboard::EpochDashboard::new(interrupt.clone(), metrics)));
    }
    let _ = (wants_dashboard, metrics);
    Ok(Box::new(EpochLines::new(interrupt)))
}

/// Says now and then that something goes on, from now until what is returned is dropped; none where
/// nobody wants to know. For work that comes before the run has a monitor.
#[must_use]
pub fn start_heartbeat(display: Display, what: &str) -> Option<Heartbeat> {
    let say = |line: &str| drop(output::try_line_err(format_args!("{line}")));
    (display != Display::Quiet).then(|| Heartbeat::start(what, MAX_SILENCE, say))
}

/// Tells whether a display is burn-train's dashboard.
fn wants_dashboard(display: Display) -> Result<bool, Failure> {
    let has_terminal = output::can_redraw(std::io::stderr().is_terminal() && std::io::stdout().is_terminal());
    match display {
        Display::Auto => Ok(has_terminal && cfg!(feature = "tui")),
        Display::Dashboard if !has_terminal => {
            Err(Failure::new("the dashboard needs a terminal", "use --display lines"))
        }
        Display::Dashboard if !cfg!(feature = "tui") => {
            let help = "build it with `--features tui`, or use --display lines";
            Err(Failure::new("this program was built without the dashboard", help))
        }
        Display::Dashboard => Ok(true),
        Display::Lines | Display::Quiet => Ok(false),
    }
}

/// One line for each interval, evaluation and note, and one at least every ten seconds.
pub struct Lines {
    run: String,
    total_steps: u64,
    /// Steps that were done before, and when the loop began.
    begun: (u64, Instant),
    printer: LinePrinter,
}

impl Lines {
    /// The display for the run in a folder.
    pub fn new(run: &Path, interrupt: &Interrupt) -> Self {
        Self {
            run: run.display().to_string(),
            total_steps: 0,
            begun: (0, Instant::now()),
            printer: LinePrinter::new(standard_error(interrupt), "preparing the run", MAX_SILENCE),
        }
    }

    fn print(&self, line: &str) {
        self.printer.print(line);
    }

    /// The number of steps done, and the time until all are done at the pace of this process.
    fn progress(&self, step: u64) -> String {
        let (first, clock) = self.begun;
        let each = clock.elapsed().as_secs_f64() / step.saturating_sub(first).max(1) as f64;
        let left = each * self.total_steps.saturating_sub(step) as f64;
        format!("step {}/{}  ETA {}", thousands(step), thousands(self.total_steps), duration(left))
    }
}

impl electra_train::Monitor for Lines {
    fn step_done(&mut self, step: u64) {
        self.printer.heartbeat.progress(self.progress(step));
    }

    fn note(&mut self, step: u64, message: &str) {
        self.print(&note(step, message));
    }
}

impl Monitor for Lines {
    fn on(&mut self, event: Event<'_>) {
        match event {
            Event::Started { step, total_steps, plan } => {
                self.total_steps = total_steps;
                self.begun = (step, Instant::now());
                self.printer.heartbeat.stage("the first step");
                let from = if step > 0 { format!(" from step {}", thousands(step)) } else { String::new() };
                self.print(&format!("{}: training {} steps{from}", self.run, thousands(total_steps)));
                if let Some(plan) = plan {
                    self.print(&format!(
                        "planned: {} at {} tok/s, {:.2} epochs, {} MB of memory, {} MB of disk",
                        duration(plan.seconds),
                        thousands(plan.tokens_per_second as u64),
                        plan.epochs,
                        thousands(plan.peak_rss_mb as u64),
                        thousands(plan.disk_mb.ceil() as u64)
                    ));
                }
            }
            Event::Trained { step, record, seconds_left } => {
                self.print(&line(step, self.total_steps, record, seconds_left));
            }
            Event::Evaluated { step, record } => self.print(&evaluation(step, record)),
            Event::Evaluating { step } => {
                self.printer.heartbeat.stage(&format!("{}, evaluating held-out rows", self.progress(step)));
            }
        }
    }
}
