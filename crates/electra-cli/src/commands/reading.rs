//! Options about the form of labelled files, for all commands that read them.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use electra_annotations::{
    Encoding, FormatName, Offsets, ReadOptions, Scheme, Separator, WordDivision, format_names,
};

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
    #[command(flatten)]
    files: FileArguments,
    /// Leave out spans of characters that do not fit the words, instead of stopping; scores count them as missed
    #[arg(long)]
    skip_misaligned: bool,
}

/// Options for the form of labelled files, for commands that have their own for what cannot be said in tags.
#[derive(Args)]
#[command(next_help_heading = FORM)]
pub struct FileArguments {
    /// Format of the files [default: told by their content]
    #[arg(long, value_name = "FORMAT", value_parser = format_of(|_| true))]
    from: Option<FormatName>,
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
    /// Unit of the offsets of spans [default: told by the texts of the spans, or the format's]
    #[arg(long, value_enum, value_name = "UNIT")]
    offsets: Option<OffsetsName>,
    /// Annotator whose work is read where several have annotated a text: number or address
    #[arg(long, value_name = "NAME")]
    annotator: Option<String>,
    /// Words of texts with spans [default: marks, and characters where the script has no spaces]
    #[arg(long, value_enum, value_name = "NAME")]
    words_by: Option<WordsByName>,
}

/// Options for the form of predictions that other tools have made, which need not be that of the gold file.
#[derive(Args)]
pub struct PredictionArguments {
    /// Column of the predicted tags, from 1 [default: the last]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pred_column: Option<u16>,
    /// Format of predictions [default: told by their content]
    #[arg(long, value_name = "FORMAT", value_parser = format_of(|_| true))]
    pub pred_from: Option<FormatName>,
    /// Unit of the offsets of predicted spans [default: told by the texts of the spans, or the format's]
    #[arg(long, value_enum, value_name = "UNIT")]
    pred_offsets: Option<OffsetsName>,
    /// Annotator whose work the predictions are, where their file has several: a model's name, number or address
    #[arg(long, value_name = "NAME")]
    pred_annotator: Option<String>,
}

impl PredictionArguments {
    /// The column of the predicted tags, from 1, if one is named.
    pub fn column(&self) -> Option<usize> {
        self.pred_column.map(usize::from)
    }

    /// The options as the readers take them; words are divided and tags are named as those of the gold file are.
    pub fn options(&self, of_gold: &ReadOptions) -> ReadOptions {
        ReadOptions {
            format: self.pred_from,
            offsets: self.pred_offsets.map(OffsetsName::unit),
            annotator: self.pred_annotator.clone(),
            labels: of_gold.labels.clone(),
            words: of_gold.words,
            ..ReadOptions::default()
        }
    }
}

/// The formats that `has` lets through, by their names.
pub fn format_of(has: fn(bool) -> bool) -> impl TypedValueParser<Value = FormatName> {
    let named =
        move || format_names().filter(move |(_, can_be_written)| has(*can_be_written)).map(|(name, _)| name);
    PossibleValuesParser::new(named().map(FormatName::as_str))
        .map(move |text| named().find(|name| name.as_str() == text).expect("one of the possible values"))
}

#[derive(Clone, Copy, ValueEnum)]
enum OffsetsName {
    /// Unicode code points, as Python counts
    CodePoints,
    /// Units of UTF-16, as JavaScript and Java count
    #[value(name = "utf-16", alias = "utf16")]
    Utf16,
    /// Grapheme clusters
    Graphemes,
    /// Bytes of UTF-8
    Bytes,
}

impl OffsetsName {
    fn unit(self) -> Offsets {
        match self {
            Self::CodePoints => Offsets::CodePoints,
            Self::Utf16 => Offsets::Utf16,
            Self::Graphemes => Offsets::Graphemes,
            Self::Bytes => Offsets::Bytes,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum WordsByName {
    /// As corpora have them
    Corpus,
    /// Letters and digits that stand together, and every mark by itself
    Marks,
    /// As marks, and every character of a script without spaces by itself, also of given words
    Characters,
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
        ReadOptions { skip_misaligned: self.skip_misaligned, ..self.files.options() }
    }
}

impl FileArguments {
    /// The options as the readers take them.
    pub fn options(&self) -> ReadOptions {
        ReadOptions {
            format: self.from,
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
            offsets: self.offsets.map(OffsetsName::unit),
            annotator: self.annotator.clone(),
            words: self.words_by.map(|words| match words {
                WordsByName::Corpus => WordDivision::Corpus,
                WordsByName::Marks => WordDivision::Marks,
                WordsByName::Characters => WordDivision::Characters,
            }),
            sentences: None,
            texts_only: false,
            skip_misaligned: false,
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
