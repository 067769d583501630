//! Health of models: panics of their threads.
//!
//! ```text
//! panic at a text       that text is answered with a fault of the service, and the thread goes on
//! panic at every text   the model is broken: the service ends, so that whoever supervises it starts it anew
//! ```
//!
//! What cannot be caught ends the process: a stack that overflows, memory that is not there, a crash of a driver.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::admission::Admission;
use crate::measures::Measures;

/// The health of all models of a service.
pub(crate) struct Health {
    /// Panics by the name of the model.
    panics: Mutex<BTreeMap<String, u64>>,
    /// The name of a model that panics at every text.
    broken: watch::Sender<Option<String>>,
    /// Hears the name of a model whose thread has panicked.
    told: Box<dyn Fn(&str) + Send + Sync>,
}

/// What the thread of a model has beside the model.
#[derive(Clone)]
pub(crate) struct ModelThread {
    /// The name of the model.
    pub name: String,
    pub admission: Arc<Admission>,
    pub measures: Measures,
    pub health: Arc<Health>,
    /// The threads of the connections, which answer.
    pub connections: Handle,
}

impl Health {
    pub(crate) fn new(told: impl Fn(&str) + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { panics: Mutex::default(), broken: watch::channel(None).0, told: Box::new(told) })
    }

    /// Panics by the name of the model; of models that had none, nothing.
    pub(crate) fn panics(&self) -> BTreeMap<String, u64> {
        self.panics.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The name of a model that panics at every text.
    pub(crate) fn broken(&self) -> Option<String> {
        self.broken.borrow().clone()
    }

    /// Waits until a model is broken.
    pub(crate) async fn wait_for_broken(&self) {
        // The sender lives as long as this.
        let _ = self.broken.subscribe().wait_for(Option::is_some).await;
    }
}

impl ModelThread {
    /// Starts the thread, which does this work.
    ///
    /// # Errors
    /// A system without threads.
    pub(crate) fn spawn(
        self,
        kind: &'static str,
        work: impl FnOnce(&Self) + Send + 'static,
    ) -> io::Result<()> {
        let watched = move || {
            // A thread that ended unseen would leave a service that takes requests and answers none.
            if catch_unwind(AssertUnwindSafe(|| work(&self))).is_err() {
                self.panicked();
                self.broken();
            }
        };
        std::thread::Builder::new().name(kind.into()).spawn(watched).map(drop)
    }

    /// Says that the thread has panicked.
    pub(crate) fn panicked(&self) {
        let mut panics = self.health.panics.lock().unwrap_or_else(PoisonError::into_inner);
        *panics.entry(self.name.clone()).or_default() += 1;
        drop(panics);
        self.measures.panicked(&self.name);
        (self.health.told)(&self.name);
    }

    /// Says that the model panics at every text.
    pub(crate) fn broken(&self) {
        self.health.broken.send_replace(Some(self.name.clone()));
    }
}

/// Whether a model withstands this: its own texts, at which only a model that is broken can panic.
pub(crate) fn is_sound(probe: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(probe)).is_ok()
}
