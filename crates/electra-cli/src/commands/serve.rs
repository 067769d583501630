//! `electra serve`: taggers and a detector as an HTTP service.

mod models;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use electra_files::{regular, shown};
use electra_serve::{Access, Limits, ServeError, ServedCompute, ServiceEvent, ServiceSettings, Token, serve};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::device::{self, DeviceName, Precision, use_threads};
use crate::failure::Failure;
use crate::output::try_line_err;

/// The variable of the environment that may hold the token.
const TOKEN_VARIABLE: &str = "ELECTRA_SERVE_TOKEN";
/// Bytes of a file with a token at most.
const MAX_TOKEN_BYTES: u64 = 4096;
/// Bytes of a MB, as `--max-body` counts.
const MB: usize = 1_000_000;

/// Serve taggers over HTTP, with JSON answers and a page to look at.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  electra serve --model runs/names/best
  curl -H 'Content-Type: application/json' \\
    -d '{\"text\": \"Angela Merkel visited Paris.\"}' 127.0.0.1:8080/v1/tag
  electra serve --model names=runs/names/best --model genes=runs/genes/best \\
    --detector runs/tiny
  electra serve --model DIR --listen 0.0.0.0:8080 --token-file token

Paths: POST /v1/tag (a text or many), POST /v1/detect (tokens that look replaced), POST /v1/guess (what the generator would put in \
         a place), POST / (as Hugging Face's \
inference API for token classification), GET /v1/models, /healthz, /readyz, /metrics (Prometheus) and \
/openapi.json, which describes them all. Entities are those that predict --format json prints, byte for byte, and \
no text is ever cut: its windows are read one after the other, in turn with those of other requests.

The service answers this machine alone unless --listen says otherwise, which needs a token (in a file, or in the \
variable ELECTRA_SERVE_TOKEN) or --no-auth. It answers by addresses, localhost and each --host, and pages of its \
own and of each --allow-origin: a page elsewhere cannot reach it through the browser of somebody here.

SIGTERM and Ctrl-C end it when what was begun is done, in at most 30 s. SIGHUP reads the folders of all models \
anew, without a failed request; where one cannot be read the old one stays, which standard error and /readyz say. \
A queue that is full answers 429 and when to come again. Nothing of a text is ever logged. How to run it under \
systemd and behind nginx is in docs/deploy.md.")]
pub struct Serve {
    /// Tagger, a folder that transformers saved (ElectraForTokenClassification), or a name on the Hub, perhaps with
    /// a name of its own in front, else that of its folder (of runs/names/best it is names); may be given several
    /// times, the first is for requests that name none. Either this or --detector is needed
    #[arg(long = "model", value_name = "[NAME=]DIR", required_unless_present = "detector")]
    models: Vec<String>,
    /// Run, imported model, a folder that transformers saved (ElectraForPreTraining), or a name on the Hub, for POST
    /// /v1/detect
    #[arg(long, value_name = "RUN")]
    detector: Option<PathBuf>,
    /// Address and port; port 0 is one that the system chooses
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS:PORT", value_parser = address)]
    listen: SocketAddr,
    /// File with the token that requests have to send (Authorization: Bearer TOKEN)
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Answer everybody who reaches the address, without a token
    #[arg(long, conflicts_with = "token_file")]
    no_auth: bool,
    /// A name by which the service is asked, such as that of the proxy in front of it; may be given several times
    #[arg(long = "host", value_name = "NAME", value_parser = host_name)]
    hosts: Vec<String>,
    /// Origin of pages that may ask from a browser, such as `https://example.org`
    #[arg(long = "allow-origin", value_name = "ORIGIN", value_parser = origin)]
    origins: Vec<String>,
    /// MB of a request
    #[arg(long, default_value_t = 8, value_name = "MB", value_parser = clap::value_parser!(u16).range(1..=1024))]
    max_body: u16,
    /// Texts of a request
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_texts: u32,
    /// Characters of a text
    #[arg(long, default_value_t = 8_000_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_characters: u32,
    /// Requests that are in work or wait for it; more are answered with 429
    #[arg(long, default_value_t = 256, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    max_requests: u32,
    /// Open connections; more wait until one is closed
    #[arg(long, default_value_t = 4096, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    max_connections: u32,
    /// Seconds in which a text has to be done
    #[arg(long, default_value_t = 120, value_name = "S", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    timeout: u32,
    #[arg(long, default_value = "flex", help = device::HELP)]
    device: DeviceName,
    #[arg(long, default_value = "f32", value_name = "TYPE", value_parser = device::precision(),
          help = device::PRECISION_HELP)]
    precision: Precision,
    /// CPU threads of the models [default: all cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

/// Reads an address of this machine with a port.
fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "expected an address in numbers and a port, such as 127.0.0.1:8090, 0.0.0.0:8080 (everybody) or [::1]:8080"
            .to_owned()
    })
}

/// Whether all of it is of these characters or of small letters and digits.
fn is_host(text: &str, others: &str) -> bool {
    let is_part = |c: char| (c.is_ascii_alphanumeric() && !c.is_ascii_uppercase()) || others.contains(c);
    !text.is_empty() && text.chars().all(is_part)
}

/// Reads the name of a host, without scheme, port or path.
fn host_name(text: &str) -> Result<String, String> {
    let name = text.to_ascii_lowercase();
    match is_host(&name, "-.") {
        true => Ok(name),
        false => Err("expected the name of a host alone, such as names.example.org".to_owned()),
    }
}

/// Reads an origin: a scheme, a host, perhaps a port, and nothing else.
fn origin(text: &str) -> Result<String, String> {
    let host = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    match host {
        Some(host) if is_host(host, "-.:[]") => Ok(text.to_owned()),
        _ => Err(
            "an origin is a scheme and a host in small letters, such as https://example.org, without a path"
                .to_owned(),
        ),
    }
}

impl Serve {
    /// Runs the command until a signal ends it.
    ///
    /// # Errors
    /// An address that cannot be listened on, a model that cannot be read, or nobody who may ask.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let access = self.access()?;
        let sources = models::sources(&self.models, self.detector.as_deref())?;
        use_threads(self.threads)?;
        // Said before the address is taken.
        self.device.open_with(self.precision)?;
        hide_texts_of_panics();
        raise_descriptors();
        let compute = ServedCompute { device: self.device, precision: self.precision };
        let settings = ServiceSettings {
            address: self.listen,
            access,
            hosts: self.hosts.clone(),
            origins: self.origins.clone(),
            limits: self.limits(),
        };
        serve(sources, compute, settings, self.no_auth, tell).map_err(failure)?;
        Ok(ExitCode::SUCCESS)
    }

    fn limits(&self) -> Limits {
        let limits = Limits::default();
        let body_bytes = usize::from(self.max_body) * MB;
        Limits {
            body_bytes,
            texts: self.max_texts as usize,
            characters: self.max_characters as usize,
            requests: self.max_requests as usize,
            // Room for several of the largest.
            bytes_in_memory: limits.bytes_in_memory.max(8 * body_bytes),
            answer_bytes: limits.answer_bytes.max(128 * body_bytes),
            connections: self.max_connections as usize,
            text_time: Duration::from_secs(self.timeout.into()),
            ..limits
        }
    }

    /// Who is answered: whoever has the token, if there is one.
    fn access(&self) -> Result<Access, Failure> {
        let token = match &self.token_file {
            Some(path) => {
                let bytes = regular::read_at_most(path, MAX_TOKEN_BYTES)
                    .map_err(|error| Failure::of_file("read", path, &error))?;
                Some((String::from_utf8_lossy(&bytes).into_owned(), path.display().to_string()))
            }
            None if self.no_auth && std::env::var_os(TOKEN_VARIABLE).is_some() => {
                return Err(Failure::new(
                    format!("{TOKEN_VARIABLE} holds a token, and --no-auth asks for none"),
                    format!("leave --no-auth out, or unset {TOKEN_VARIABLE}"),
                ));
            }
            None if self.no_auth => None,
            None => std::env::var_os(TOKEN_VARIABLE)
                .map(|token| (token.to_string_lossy().into_owned(), TOKEN_VARIABLE.to_owned())),
        };
        match token {
            None => Ok(Access::Open),
            Some((token, place)) => match Token::new(token.trim()) {
                Ok(token) => Ok(Access::Token(token)),
                Err(error) => Err(Failure::from(error).about(&place)),
            },
        }
    }
}

/// Tells what happens to the service. A reader of standard error who is gone is no reason to end.
fn tell(event: ServiceEvent<'_>) {
    let said = match event {
        ServiceEvent::Listening { address, models } => {
            println!("listening on http://{address}");
            for (name, version) in models {
                let _ = try_line_err(format_args!("serving {name}, version {version}"));
            }
            return;
        }
        ServiceEvent::Reloaded(reload) => match &reload.outcome {
            Ok(version) => format!("serving {} anew, version {version}", reload.name),
            Err(error) => {
                let (name, error) = (&reload.name, shown::with_help(error));
                format!("WARNING: {name} could not be read anew, and is served as it was: {error}")
            }
        },
        ServiceEvent::Panicked { model } => {
            format!(
                "WARNING: {model} met a fault of the program: the text is answered with 500, others go on"
            )
        }
        ServiceEvent::Draining => "ending when what was begun is done".to_owned(),
        ServiceEvent::Ended { cut: 0 } => "ended".to_owned(),
        ServiceEvent::Ended { cut } => format!("ended; {cut} connections were cut"),
    };
    let _ = try_line_err(format_args!("{said}"));
}

/// Has a panic tell its place alone: its message may quote a text.
fn hide_texts_of_panics() {
    std::panic::set_hook(Box::new(|panicked| {
        let place = panicked.location().map(ToString::to_string).unwrap_or_default();
        let _ = try_line_err(format_args!("a fault of the program at {place}"));
    }));
}

/// Lets the process have as many open files as the system allows it: each connection is one.
fn raise_descriptors() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Fewer are enough for fewer connections, and who comes when none are left waits.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

fn failure(error: ServeError) -> Failure {
    let help = match &error {
        ServeError::OpenToAll(_) => {
            "give a token with --token-file or in ELECTRA_SERVE_TOKEN (`openssl rand -hex 32` makes one), listen on \
             127.0.0.1, or say --no-auth"
        }
        ServeError::Listen { source, .. } => match source.kind() {
            std::io::ErrorKind::AddrInUse => {
                "another program listens there: stop it, or give another port with --listen"
            }
            std::io::ErrorKind::PermissionDenied => {
                "ports below 1024 are for root: give another with --listen"
            }
            _ => "give an address of this machine with --listen",
        },
        ServeError::Model(_) | ServeError::Broken { .. } | ServeError::System(_) => return error.into(),
    };
    Failure::from(error).with_help(help)
}
