//! `electra detect`: which tokens of a text look replaced.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use electra_files::shown::{on_terminal, shell_word};
use electra_model::Architecture;
use electra_pretrain::{Detection, Detector};
use electra_run::run_folder::RunProgress;
use electra_text::Tokenizer;
use electra_text::corpus::Signature;
use electra_train::model_folder::ModelFolder;

use super::data::warnings::unknown;
use crate::device::{self, DeviceName, use_threads};
use crate::failure::{self, Failure};
use crate::hub;
use crate::output;

/// Show which tokens of a text look replaced.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  electra detect --model runs/demo/run \"The ocean approved the budget.\"
  electra detect --model google/electra-small-discriminator --json - < text.txt")]
pub struct Detect {
    /// Run, imported model, a folder that transformers saved (ElectraForPreTraining), or a name on the Hub
    #[arg(long, value_name = "DIR|NAME")]
    model: PathBuf,
    /// Text, or - for standard input
    text: String,
    /// One JSON object a token
    #[arg(long)]
    json: bool,
    #[arg(long, default_value = "flex", help = device::HELP)]
    device: DeviceName,
    /// CPU threads [default: all cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

/// Says on standard error that the pretraining of a model was not finished, if it was not.
pub fn warn_if_unfinished(model: &Path) -> Option<RunProgress> {
    let progress = RunProgress::read(model);
    if let Some(progress) = progress.filter(|progress| progress.is_unfinished()) {
        let model = model.display();
        eprintln!("WARNING: the pretraining of {model} was not finished: {progress} planned");
    }
    progress
}

/// Refuses a model that does not tell replaced tokens.
pub fn check_detects(folder: &ModelFolder) -> Result<(), Failure> {
    if Architecture::of(&folder.tensors).detects() {
        return Ok(());
    }
    Err(Failure::new(
        format!("{} was not trained to detect replaced tokens", folder.path.display()),
        "give a run with objective replaced-token-detection or electra-15",
    ))
}

/// Bytes of a text at most.
const MAX_BYTES: u64 = 64 << 20;

/// Says on standard error how much of a text the vocabulary has no pieces for.
fn tell_unknown(tokenizer: &Tokenizer, text: &str) {
    let mut encoder = tokenizer.text_encoder();
    encoder.encode(text);
    let coverage = encoder.take_coverage();
    if coverage.unknown_words > 0 {
        let warning = if coverage.exceeds_limit() { "WARNING: " } else { "" };
        eprintln!("{warning}of the text the model sees nothing but [UNK]: {}", unknown(&coverage));
    }
}

/// Refuses a file's name in place of its text, which would be judged as a word or two.
fn refuse_file(text: &str, model: &Path) -> Result<(), Failure> {
    if !Path::new(text).is_file() {
        return Ok(());
    }
    let [file, model] = [text, &model.display().to_string()].map(shell_word);
    Err(Failure::new(
        format!("{text} is a file, and detect takes the text itself"),
        format!("give - and the file as standard input: electra detect --model {model} - < {file}"),
    ))
}

impl Detect {
    /// Runs the command.
    ///
    /// # Errors
    /// If there is no usable model.
    pub fn run(self) -> Result<ExitCode, Failure> {
        use_threads(self.threads)?;
        refuse_file(&self.text, &self.model)?;
        let text = if self.text == "-" {
            let mut bytes = Vec::new();
            std::io::stdin().take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(Failure::of_system)?;
            if bytes.len() as u64 > MAX_BYTES {
                return Err(Failure::new(
                    format!(
                        "standard input has more than {MAX_BYTES} bytes, and detect holds its text in memory"
                    ),
                    "give a part of the text at a time",
                ));
            }
            if let Some(found) = Signature::of(&bytes) {
                return Err(failure::no_text("standard input", found));
            }
            String::from_utf8(bytes).map_err(|e| {
                Failure::new(
                    format!("standard input is not UTF-8 at byte {}", e.utf8_error().valid_up_to()),
                    "convert it, for example with `iconv -t utf-8`",
                )
            })?
        } else {
            self.text
        };
        let device = self.device.open()?;
        let model = hub::model_folder(&self.model)?;
        let folder = ModelFolder::open(&model)?;
        warn_if_unfinished(&model);
        check_detects(&folder)?;
        let detections = Detector::new(&folder, device)?.detect(&text);
        tell_unknown(&folder.tokenizer, &text);
        if self.json {
            for detection in &detections {
                output::json_line_out(detection).map_err(Failure::of_json)?;
            }
        } else if output::has_colours(std::io::stdout().is_terminal()) {
            output::bytes_out(format!("{}\n", coloured(&text, &detections)).as_bytes());
        } else {
            for d in &detections {
                println!("{:.3}\t{}", d.probability, d.token);
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The text with a background from green (original) to red (replaced) behind each token, and
/// the probability after tokens that are more likely replaced than not.
pub fn coloured(text: &str, detections: &[Detection]) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    for d in detections {
        out += &plain(&characters[at.min(d.start)..d.start]);
        let p = d.probability.clamp(0.0, 1.0);
        let (red, green) = ((60.0 + 160.0 * p) as u8, (60.0 + 100.0 * (1.0 - p)) as u8);
        let token = plain(&characters[d.start..d.end]);
        out += &format!("\x1b[38;2;255;255;255;48;2;{red};{green};60m{token}\x1b[0m");
        if p >= 0.5 {
            out += &format!("\x1b[2m({:.0}%)\x1b[0m", p * 100.0);
        }
        at = d.end;
    }
    out += &plain(&characters[at.min(characters.len())..]);
    out
}

/// Text among our colours, without commands of its own to the terminal.
fn plain(characters: &[char]) -> String {
    on_terminal(&characters.iter().collect::<String>()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_keep_the_text_and_mark_the_unlikely() {
        let token = |start, end, probability| Detection { token: String::new(), start, end, probability };
        let shown = coloured("Die Bäume, ja.", &[token(0, 3, 0.1), token(4, 9, 0.9)]);
        let mut plain = String::new();
        let mut inside = false;
        for c in shown.chars() {
            match c {
                '\x1b' => inside = true,
                'm' if inside => inside = false,
                c if !inside => plain.push(c),
                _ => {}
            }
        }
        assert_eq!(plain, "Die Bäume(90%), ja.");
        assert!(shown.contains("48;2;204;"), "{shown:?}");
    }
}
