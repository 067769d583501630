//! The service: opened, run until a signal ends it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::admission::Admission;
use crate::connection;
use crate::health::Health;
use crate::measures::Measures;
use crate::models::{ModelSources, Models, Reload};
use crate::router::router;
use crate::served::{ModelError, ServedCompute, Surroundings};
use crate::settings::{Access, ServiceSettings};
use crate::state::Service;

/// Threads for connections at most: the work is that of the models, which have threads of their own.
const MAX_THREADS: usize = 2;

/// Connections that the system keeps until they are accepted.
const BACKLOG: u32 = 4096;

/// The time between two sortings of what was measured.
const UPKEEP: Duration = Duration::from_secs(5);

/// Something that happens to a service, to be told to whoever runs it. Nothing of a text is in it.
#[derive(Debug)]
pub enum ServiceEvent<'a> {
    /// It takes requests.
    Listening {
        /// The address, with the port that the system chose if it was to.
        address: SocketAddr,
        /// Name and version of each model.
        models: &'a [(String, String)],
    },
    /// A model was read anew, or could not be.
    Reloaded(&'a Reload),
    /// The thread of a model has panicked: what it was doing is answered with a fault of the service.
    Panicked {
        /// The name of the model.
        model: &'a str,
    },
    /// It was told to end, or a model is broken; it finishes what it has begun.
    Draining,
    /// It has ended, with so many connections cut.
    Ended {
        /// Connections that were still open when the time for it was over.
        cut: usize,
    },
}

/// A service that cannot be run.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ServeError {
    /// Another address than that of this machine alone, and everybody may ask.
    #[error("{0} can be reached from other machines, and there is no token")]
    OpenToAll(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Underlying error.
        source: io::Error,
    },
    /// A model cannot be served.
    #[error("{0}")]
    Model(
        #[from]
        #[diagnostic_source]
        ModelError,
    ),
    /// A model that panics at every text. The service has ended.
    #[error("the model {model} fails at every text by a fault of the program")]
    #[diagnostic(help(
        "start the service again; its places of faults were said before, tell them to the authors"
    ))]
    Broken {
        /// The name of the model.
        model: String,
    },
    /// The system gives no threads, or no signals.
    #[error("cannot start the service: {0}")]
    System(#[source] io::Error),
}

/// Serves models until SIGTERM or SIGINT; SIGHUP reads them anew. `told` hears what happens, on any thread.
///
/// Whether everybody may ask is the caller's to decide; `allow_all` says that it was decided for addresses that other
/// machines reach.
///
/// # Errors
/// An address that cannot be listened on or that nobody decided to open, a model that cannot be served or that fails at
/// every text, or a system without threads.
pub fn serve(
    sources: ModelSources,
    compute: ServedCompute,
    settings: ServiceSettings,
    allow_all: bool,
    told: impl Fn(ServiceEvent<'_>) + Send + Sync + 'static,
) -> Result<(), ServeError> {
    let is_open = matches!(settings.access, Access::Open);
    if is_open && !allow_all && !settings.address.ip().is_loopback() {
        return Err(ServeError::OpenToAll(settings.address));
    }
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    // More threads than cores would wake each other and wait for each other.
    let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MAX_THREADS));
    runtime.worker_threads(threads).thread_name("connections").enable_all();
    let runtime = runtime.build().map_err(ServeError::System)?;
    let outcome = runtime.block_on(run(sources, compute, settings, Arc::new(told)));
    // Threads of models end when their work is done, which nobody waits for any more.
    runtime.shutdown_background();
    outcome
}

type Told = Arc<dyn Fn(ServiceEvent<'_>) + Send + Sync>;

async fn run(
    sources: ModelSources,
    compute: ServedCompute,
    settings: ServiceSettings,
    told: Told,
) -> Result<(), ServeError> {
    // First, as it is what is most often wrong.
    let listener = listen(settings.address)
        .map_err(|source| ServeError::Listen { address: settings.address, source })?;
    let signals = Signals::new().map_err(ServeError::System)?;
    let measures = Measures::new();
    let limits = settings.limits;
    let admission = Admission::new(limits, measures.clone());
    let of_panics = Arc::clone(&told);
    let health = Health::new(move |model| of_panics(ServiceEvent::Panicked { model }));
    let surroundings = Surroundings {
        compute,
        admission: Arc::clone(&admission),
        measures: measures.clone(),
        health: Arc::clone(&health),
    };
    let models = Models::open(sources, surroundings)?;
    let service = Service::new(settings, models, admission, measures.clone(), Arc::clone(&health));

    let address = listener.local_addr().map_err(ServeError::System)?;
    let versions = service.models.infos().into_iter().map(|model| (model.name, model.version));
    told(ServiceEvent::Listening { address, models: &versions.collect::<Vec<_>>() });

    let upkeep = measures.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            upkeep.run_upkeep();
        }
    });
    let Signals { mut terminate, mut interrupt, hangup } = signals;
    tokio::spawn(reload_at(hangup, service.clone(), Arc::clone(&told)));
    let end = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = health.wait_for_broken() => {}
        }
        service.end();
        told(ServiceEvent::Draining);
    };
    let cut = connection::serve(listener, router(service.clone()), limits, measures, end).await;
    told(ServiceEvent::Ended { cut });
    health.broken().map_or(Ok(()), |model| Err(ServeError::Broken { model }))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A service that was killed is started again while its old connections linger.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}

/// Reads the models anew whenever the signal comes, on a thread of its own: requests go on meanwhile.
async fn reload_at(mut hangup: Signal, service: Service, told: Told) {
    while hangup.recv().await.is_some() {
        let (service, told) = (service.clone(), Arc::clone(&told));
        let reload = move || {
            for reload in service.models.reload() {
                told(ServiceEvent::Reloaded(&reload));
            }
        };
        // One reload after the other.
        let _ = tokio::task::spawn_blocking(reload).await;
    }
}
