//! Options about the form of labelled files, for all commands that read them.

use clap::{Args, ValueEnum};
use electra_annotations::{Encoding, ReadOptions, Scheme, Separator};

/// Options for what labelled files do not say themselves, or say wrongly.
#[derive(Args)]
pub struct ReadArguments {
    #[command(flatten)]
    form: FormArguments,
    /// Scheme of the tags [default: told by the whole file]
    #[arg(long, value_enum, ignore_case = true, value_name = "NAME", help_heading = FORM)]
    scheme: Option<SchemeName>,
}

const FORM: &str = "Form of the files";

/// Options for the form of labelled files without the scheme, for commands that find it out in any case.
#[derive(Args)]
#[command(next_help_heading = FORM)]
pub struct FormArguments {
    /// Character encoding
    #[arg(long, value_enum, default_value_t = EncodingName::Utf8, value_name = "NAME")]
    encoding: EncodingName,
    /// Separator between columns [default: tabs if most lines have one]
    #[arg(long, value_enum, value_name = "NAME")]
    separator: Option<SeparatorName>,
    /// Column of the tokens, from 1 [default: the first that does not count them]
    #[arg(long, value_name = "N", value_parser = column)]
    token_column: Option<usize>,
    /// Column of the tags, from 1 [default: the last that holds tags]
    #[arg(long, value_name = "N", value_parser = column)]
    tag_column: Option<usize>,
    /// Names of the tags that JSON lines number from 0: O,B-PER,I-PER and so on
    #[arg(long, value_delimiter = ',', value_name = "TAGS")]
    labels: Option<Vec<String>>,
    /// Leave out spans of characters that do not fit the words, instead of stopping; scores count them as missed
    #[arg(long)]
    skip_misaligned: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum EncodingName {
    #[value(name = "utf-8", alias = "utf8")]
    Utf8,
    /// Windows, Western Europe
    #[value(alias = "windows-1252")]
    Cp1252,
    /// ISO 8859-1
    #[value(name = "latin-1", alias = "latin1", alias = "iso-8859-1")]
    Latin1,
}

#[derive(Clone, Copy, ValueEnum)]
enum SeparatorName {
    /// One tab; tokens may have spaces in them
    Tab,
    /// Any number of spaces and tabs
    Space,
}

#[derive(Clone, Copy, ValueEnum)]
enum SchemeName {
    Iob1,
    Iob2,
    Iobes,
    Bilou,
    Bmes,
}

impl ReadArguments {
    /// The options as the readers take them.
    pub fn options(&self) -> ReadOptions {
        let scheme = self.scheme.map(|scheme| match scheme {
            SchemeName::Iob1 => Scheme::Iob1,
            SchemeName::Iob2 => Scheme::Iob2,
            SchemeName::Iobes => Scheme::Iobes,
            SchemeName::Bilou => Scheme::Bilou,
            SchemeName::Bmes => Scheme::Bmes,
        });
        ReadOptions { scheme, ..self.form.options() }
    }
}

impl FormArguments {
    /// The options as the readers take them.
    pub fn options(&self) -> ReadOptions {
        ReadOptions {
            encoding: match self.encoding {
                EncodingName::Utf8 => Encoding::Utf8,
                EncodingName::Cp1252 => Encoding::Cp1252,
                EncodingName::Latin1 => Encoding::Latin1,
            },
            separator: self.separator.map(|separator| match separator {
                SeparatorName::Tab => Separator::Tab,
                SeparatorName::Space => Separator::Space,
            }),
            token_column: self.token_column,
            tag_column: self.tag_column,
            scheme: None,
            labels: self.labels.clone(),
            skip_misaligned: self.skip_misaligned,
        }
    }
}

fn column(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("columns are counted from 1".into()),
        Ok(column) => Ok(column),
        Err(_) => Err("expected the number of a column".into()),
    }
}
