//! The times of the parts of tagging a text.

use std::fmt;
use std::time::Duration;

/// Seconds, as the thread of the model sees them, and the work of the threads beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The time from the first byte asked for to the last entity handed out.
    pub total: Duration,
    /// The time in the model, transfers to and from its device included.
    pub model: Duration,
    /// Waiting until text is read and tokenised; the first block cannot but be waited for.
    pub waiting_for_text: Duration,
    /// Waiting until entities are decoded and written.
    pub waiting_for_sink: Duration,
    /// Reading and tokenising, beside the model.
    pub reading: Duration,
    /// The time from logits to entities, beside the model.
    pub decoding: Duration,
    /// The time in the sink, beside the model.
    pub writing: Duration,
}

impl Profile {
    /// Share of the time in which the model works, between 0 and 1.
    pub fn model_share(&self) -> f64 {
        self.model.as_secs_f64() / self.total.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |duration: Duration| format!("{:9.3} s", duration.as_secs_f64());
        writeln!(f, "total                   {}", seconds(self.total))?;
        writeln!(f, "  model                 {}  {:5.1} %", seconds(self.model), 100.0 * self.model_share())?;
        writeln!(f, "  waiting for text      {}", seconds(self.waiting_for_text))?;
        writeln!(f, "  waiting for output    {}", seconds(self.waiting_for_sink))?;
        writeln!(f, "on other threads")?;
        writeln!(f, "  reading, tokenising   {}", seconds(self.reading))?;
        writeln!(f, "  decoding              {}", seconds(self.decoding))?;
        write!(f, "  writing               {}", seconds(self.writing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_the_model_is_of_the_whole_time() {
        let profile = Profile {
            total: Duration::from_secs(20),
            model: Duration::from_secs(19),
            reading: Duration::from_secs(7),
            ..Profile::default()
        };
        assert!((profile.model_share() - 0.95).abs() < 1e-12);
        assert!(profile.to_string().contains("model                    19.000 s   95.0 %"), "{profile}");
        assert_eq!(Profile::default().model_share(), 0.0);
    }
}
