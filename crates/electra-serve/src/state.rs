//! What all handlers of a service share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::admission::Admission;
use crate::health::Health;
use crate::measures::Measures;
use crate::models::Models;
use crate::settings::ServiceSettings;

/// The state of a service.
#[derive(Clone)]
pub(crate) struct Service(Arc<Inner>);

pub(crate) struct Inner {
    pub settings: ServiceSettings,
    pub models: Models,
    pub admission: Arc<Admission>,
    pub measures: Measures,
    pub health: Arc<Health>,
    is_ending: AtomicBool,
}

impl Service {
    pub(crate) fn new(
        settings: ServiceSettings,
        models: Models,
        admission: Arc<Admission>,
        measures: Measures,
        health: Arc<Health>,
    ) -> Self {
        let is_ending = AtomicBool::new(false);
        Self(Arc::new(Inner { settings, models, admission, measures, health, is_ending }))
    }

    /// Says that the service is ending.
    pub(crate) fn end(&self) {
        self.is_ending.store(true, Ordering::Relaxed);
    }

    /// Whether the service is ending.
    pub(crate) fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::Relaxed)
    }
}

impl std::ops::Deref for Service {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
