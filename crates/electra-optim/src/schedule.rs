//! The learning rate as a function of the step.

use serde::{Deserialize, Serialize};

/// A learning-rate schedule: a rate for every step, counted from 0: the first update uses `at(0)`, the last
/// one `at(total_steps - 1)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The rate that warmup leads to.
    pub peak: f64,
    /// Steps over which the rate rises linearly from 0; none when 0.
    pub warmup_steps: u64,
    /// Steps of the whole run, warmup included.
    pub total_steps: u64,
    /// The decay after warmup.
    pub decay: Decay,
}

/// The decay of the learning rate after warmup.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Decay {
    /// `(1 - step / total)^power` from step 0 on, multiplied by the warmup, which therefore never
    /// quite reaches the peak: the reference's schedule, with power 1 in the paper.
    Polynomial {
        /// Exponent of the remaining fraction.
        power: f64,
    },
    /// Linear from the peak, where warmup ends, to 0 at the end.
    WarmupThenLinear {},
    /// Half a cosine from the peak, where warmup ends, to 0 at the end.
    Cosine {},
    /// The peak for ever once warmup is over.
    Constant {},
    /// Warmup-stable-decay: the peak once warmup is over, and a decay to 0 over the last share of the run
    /// (Hu et al. 2024, MiniCPM, arXiv 2404.06395, §4).
    WarmupStableDecay {
        /// Share of all steps that the decay takes.
        share: f64,
        /// The form of that decay.
        form: CooldownForm,
    },
}

/// The decay at the end of [`Decay::WarmupStableDecay`], in the share `x` of its steps that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CooldownForm {
    /// `1 - x`.
    #[serde(rename = "linear")]
    Linear,
    /// `1 - sqrt(x)` (Hägele et al. 2024, arXiv 2405.18392, §3).
    #[serde(rename = "1-sqrt")]
    OneMinusSqrt,
}

impl Decay {
    /// The first step of a run of `total_steps` whose rate is below the peak for good, where the peak is held
    /// before.
    fn cooldown(share: f64, total_steps: u64) -> u64 {
        let steps = (share * total_steps as f64).round() as u64;
        total_steps.saturating_sub(steps.max(1))
    }
}

/// A learning-rate schedule with a number out of its range.
#[derive(Clone, Debug, PartialEq, thiserror::Error, miette::Diagnostic)]
pub enum ScheduleError {
    /// The peak is negative or not a number.
    #[error("peak learning rate is {found}, expected a finite number of at least 0")]
    Peak {
        /// The rate that was asked for.
        found: f64,
    },
    /// A run without steps.
    #[error("total_steps is 0, expected at least 1")]
    NoSteps,
    /// Warmup takes the whole run or longer.
    #[error(
        "warmup takes {warmup_steps} steps of a run of {total_steps}, and the rate is at its peak in none"
    )]
    #[diagnostic(help("give warmup_steps below {total_steps}, or more than {warmup_steps} total_steps"))]
    Warmup {
        /// The steps over which the rate rises to its peak.
        warmup_steps: u64,
        /// Steps of the run.
        total_steps: u64,
    },
    /// The exponent of the polynomial is negative or not a number.
    #[error("power of the polynomial decay is {found}, expected a finite number of at least 0")]
    Power {
        /// The exponent that was asked for.
        found: f64,
    },
    /// A decay that takes no share of the run, or more than all of it.
    #[error("share of the decay is {found}, expected a number above 0 and at most 1")]
    Share {
        /// The share that was asked for.
        found: f64,
    },
    /// A decay that begins before the warmup is over.
    #[error("the decay begins after {begins} of {total_steps} steps, and warmup ends after {warmup_steps}")]
    #[diagnostic(help("give a smaller share, or fewer warmup_steps"))]
    Cooldown {
        /// Steps before the decay.
        begins: u64,
        /// The steps over which the rate rises to its peak.
        warmup_steps: u64,
        /// Steps of the run.
        total_steps: u64,
    },
}

impl Schedule {
    /// The learning rate of the update at `step`; 0 from `total_steps` on unless the decay is constant.
    pub fn at(&self, step: u64) -> f64 {
        let [t, warmup, total] = [step, self.warmup_steps, self.total_steps].map(|n| n as f64);
        let up = if t < warmup { t / warmup } else { 1.0 };
        // What is left of the way from the end of warmup to the end of the run.
        let left = if step >= self.total_steps {
            0.0
        } else if step <= self.warmup_steps {
            1.0
        } else {
            (total - t) / (total - warmup)
        };
        match self.decay {
            // In this form, and not as `(total - t) / total`, to agree with the reference in every bit
            // that cancellation leaves.
            Decay::Polynomial { power } => {
                let done = if step >= self.total_steps { 1.0 } else { t / total };
                self.peak * (1.0 - done).powf(power) * up
            }
            Decay::WarmupThenLinear {} => self.peak * up * left,
            Decay::Cosine {} => self.peak * up * 0.5 * (1.0 - (std::f64::consts::PI * left).cos()),
            Decay::Constant {} => self.peak * up,
            Decay::WarmupStableDecay { share, form } => {
                let begins = Decay::cooldown(share, self.total_steps);
                let steps = self.total_steps - begins;
                let done = step.saturating_sub(begins).min(steps) as f64 / steps.max(1) as f64;
                let left = match form {
                    CooldownForm::Linear => 1.0 - done,
                    CooldownForm::OneMinusSqrt => 1.0 - done.sqrt(),
                };
                self.peak * up * left
            }
        }
    }

    /// Checks that every number is in the range in which [`at`](Self::at) means something.
    pub fn check(&self) -> Result<(), ScheduleError> {
        let Self { peak, warmup_steps, total_steps, decay } = *self;
        if !(peak.is_finite() && peak >= 0.0) {
            return Err(ScheduleError::Peak { found: peak });
        }
        if total_steps == 0 {
            return Err(ScheduleError::NoSteps);
        }
        if warmup_steps >= total_steps {
            return Err(ScheduleError::Warmup { warmup_steps, total_steps });
        }
        match decay {
            Decay::Polynomial { power } if !(power.is_finite() && power >= 0.0) => {
                Err(ScheduleError::Power { found: power })
            }
            Decay::WarmupStableDecay { share, .. } => {
                if !(share > 0.0 && share <= 1.0) {
                    return Err(ScheduleError::Share { found: share });
                }
                let begins = Decay::cooldown(share, total_steps);
                if begins < warmup_steps {
                    return Err(ScheduleError::Cooldown { begins, warmup_steps, total_steps });
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    const fn ten_steps(decay: Decay) -> Schedule {
        Schedule { peak: 1.0, warmup_steps: 2, total_steps: 10, decay }
    }

    fn rates(decay: Decay) -> Vec<f64> {
        (0..=11).map(|step| ten_steps(decay).at(step)).collect()
    }

    fn assert_close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (step, (found, expected)) in found.iter().zip(expected).enumerate() {
            let tolerance = 1e-15 * expected.abs();
            assert!((found - expected).abs() <= tolerance, "step {step}: {found} and {expected}");
        }
    }

    #[test]
    fn polynomial_decay_is_the_schedule_of_the_reference() {
        let fixture: Value = serde_json::from_str(include_str!("../tests/fixtures/joint.json")).unwrap();
        let number = |v: &Value| v.as_f64().unwrap();

        let table = &fixture["schedule"];
        let schedule = Schedule {
            peak: number(&table["base"]),
            warmup_steps: table["warmup"].as_u64().unwrap(),
            total_steps: table["total"].as_u64().unwrap(),
            decay: Decay::Polynomial { power: 1.0 },
        };
        let expected: Vec<f64> = table["lr"].as_array().unwrap().iter().map(number).collect();
        let found: Vec<f64> = (0..expected.len() as u64).map(|step| schedule.at(step)).collect();
        assert_eq!(expected.len(), 101);
        assert_close(&found, &expected);

        let run = &fixture["optimizer"];
        let schedule = Schedule {
            peak: number(&run["learning_rate"]),
            warmup_steps: run["warmup_steps"].as_u64().unwrap(),
            total_steps: run["num_train_steps"].as_u64().unwrap(),
            decay: Decay::Polynomial { power: number(&run["lr_decay_power"]) },
        };
        let steps = fixture["steps"].as_array().unwrap();
        let expected: Vec<f64> = steps.iter().map(|step| number(&step["lr"])).collect();
        let found: Vec<f64> = (0..expected.len() as u64).map(|step| schedule.at(step)).collect();
        assert_close(&found, &expected);
    }

    #[test]
    fn the_power_bends_the_polynomial() {
        let schedule = ten_steps(Decay::Polynomial { power: 2.0 });
        assert_close(&[schedule.at(1), schedule.at(5)], &[0.81 * 0.5, 0.25]);
    }

    #[test]
    fn warmup_then_linear_peaks_where_warmup_ends() {
        let expected = [0.0, 0.5, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0.0, 0.0];
        assert_close(&rates(Decay::WarmupThenLinear {}), &expected);
    }

    #[test]
    fn cosine_halves_in_the_middle_and_ends_at_zero() {
        let found = rates(Decay::Cosine {});
        let near = |step: usize, expected: f64| {
            assert!((found[step] - expected).abs() < 1e-15, "step {step}: {}", found[step]);
        };
        near(0, 0.0);
        near(1, 0.5);
        near(2, 1.0);
        near(4, 0.5 + 0.5_f64.sqrt() / 2.0);
        near(6, 0.5);
        near(10, 0.0);
        near(11, 0.0);
    }

    #[test]
    fn constant_only_warms_up() {
        let mut expected = [1.0; 12];
        expected[..2].copy_from_slice(&[0.0, 0.5]);
        assert_close(&rates(Decay::Constant {}), &expected);
    }

    const fn warmup_stable_decay(share: f64, form: CooldownForm) -> Decay {
        Decay::WarmupStableDecay { share, form }
    }

    #[test]
    fn warmup_stable_decay_holds_the_peak_and_falls_over_the_last_share() {
        let linear = warmup_stable_decay(0.4, CooldownForm::Linear);
        let expected = [0.0, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0];
        assert_close(&rates(linear), &expected);
        // 1 - sqrt(1/4), 1 - sqrt(2/4), 1 - sqrt(3/4).
        let expected = [
            0.0,
            0.5,
            1.0,
            1.0,
            1.0,
            1.0,
            1.0,
            0.5,
            0.292_893_218_813_452_5,
            0.133_974_596_215_561_4,
            0.0,
            0.0,
        ];
        let found = rates(warmup_stable_decay(0.4, CooldownForm::OneMinusSqrt));
        assert!(
            found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-15),
            "{found:?}"
        );
        // A share of all that is left after warmup is the linear decay from there.
        let all = rates(warmup_stable_decay(0.8, CooldownForm::Linear));
        assert_close(&all, &rates(Decay::WarmupThenLinear {}));
        // A share that rounds to no step has one, the last: it begins at the peak, and after it all is over.
        let last = rates(warmup_stable_decay(1e-9, CooldownForm::Linear));
        assert_eq!(last[9..], [1.0, 0.0, 0.0]);
    }

    #[test]
    fn a_decay_that_has_no_share_or_begins_in_the_warmup_is_refused() {
        let of = |share| ten_steps(warmup_stable_decay(share, CooldownForm::Linear)).check();
        assert_eq!((of(0.8), of(1e-9)), (Ok(()), Ok(())));
        assert_eq!(of(0.9), Err(ScheduleError::Cooldown { begins: 1, warmup_steps: 2, total_steps: 10 }));
        for share in [0.0, -0.1, 1.1] {
            assert_eq!(of(share), Err(ScheduleError::Share { found: share }));
        }
        assert!(of(f64::NAN).is_err());
    }

    #[test]
    fn without_warmup_the_first_step_is_at_the_peak() {
        for decay in [
            Decay::Polynomial { power: 1.0 },
            Decay::WarmupThenLinear {},
            Decay::Cosine {},
            Decay::Constant {},
            warmup_stable_decay(0.3, CooldownForm::OneMinusSqrt),
        ] {
            assert_eq!(Schedule { warmup_steps: 0, ..ten_steps(decay) }.at(0), 1.0, "{decay:?}");
        }
    }

    #[test]
    fn a_schedule_reads_from_text_and_refuses_unknown_keys() {
        let text = r#"{"peak": 5e-4, "warmup_steps": 10, "total_steps": 100,
            "decay": {"kind": "warmup-then-linear"}}"#;
        let schedule: Schedule = serde_json::from_str(text).unwrap();
        assert_eq!(schedule.decay, Decay::WarmupThenLinear {});
        let again = serde_json::to_string(&schedule).unwrap();
        let decay: Decay =
            serde_json::from_str(r#"{"kind": "warmup-stable-decay", "share": 0.1, "form": "1-sqrt"}"#)
                .unwrap();
        assert_eq!(decay, warmup_stable_decay(0.1, CooldownForm::OneMinusSqrt));
        assert_eq!(serde_json::from_str::<Schedule>(&again).unwrap(), schedule);

        for wrong in [
            r#"{"kind": "cosine", "power": 1.0}"#,
            r#"{"kind": "polynomial"}"#,
            r#"{"kind": "polynomial", "power": 1.0, "cycles": 2}"#,
            r#"{"kind": "linear"}"#,
            r#"{"kind": "warmup-stable-decay", "share": 0.1}"#,
            r#"{"kind": "warmup-stable-decay", "share": 0.1, "form": "cosine"}"#,
        ] {
            assert!(serde_json::from_str::<Decay>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn meaningless_schedules_are_refused() {
        let good = ten_steps(Decay::Polynomial { power: 1.0 });
        assert_eq!(good.check(), Ok(()));
        assert_eq!(Schedule { peak: -1.0, ..good }.check(), Err(ScheduleError::Peak { found: -1.0 }));
        assert!(Schedule { peak: f64::NAN, ..good }.check().is_err());
        assert_eq!(Schedule { total_steps: 0, ..good }.check(), Err(ScheduleError::NoSteps));
        assert_eq!(
            Schedule { warmup_steps: 10, ..good }.check(),
            Err(ScheduleError::Warmup { warmup_steps: 10, total_steps: 10 })
        );
        assert_eq!(
            ten_steps(Decay::Polynomial { power: -0.5 }).check(),
            Err(ScheduleError::Power { found: -0.5 })
        );
    }

    proptest! {
        #[test]
        fn a_rate_is_between_zero_and_the_peak_at_every_step(
            total in 1u64..500,
            warmup in 0u64..500,
            step in 0u64..1000,
            power in 0.0..3.0,
            share in 0.0..1.5,
        ) {
            for decay in [
                Decay::Polynomial { power },
                Decay::WarmupThenLinear {},
                Decay::Cosine {},
                Decay::Constant {},
                warmup_stable_decay(share, CooldownForm::Linear),
                warmup_stable_decay(share, CooldownForm::OneMinusSqrt),
            ] {
                let schedule = Schedule { peak: 0.01, warmup_steps: warmup, total_steps: total, decay };
                let rate = schedule.at(step);
                prop_assert!((0.0..=0.01).contains(&rate), "{rate} at {step} of {schedule:?}");
            }
        }
    }
}
