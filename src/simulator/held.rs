use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::exchange::Request;

type Hook<C> = Arc<dyn Fn(u64, &str, &mut C) + Send + Sync>;

/// The contents of a running server, and the hook that may change them before each request.
pub(super) struct Held<C> {
    contents: Mutex<C>,
    hook: Mutex<Option<Hook<C>>>,
}

impl<C> Held<C> {
    pub(super) fn new(contents: C) -> Self {
        Self {
            contents: Mutex::new(contents),
            hook: Mutex::new(None),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, C> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the hook before it.
    pub(super) fn before_request(&self, hook: impl Fn(u64, &str, &mut C) + Send + Sync + 'static) {
        *self.hook() = Some(Arc::new(hook));
    }

    pub(super) fn call_hook(&self, request: &Request) {
        let hook = self.hook().clone();
        if let Some(hook) = hook {
            hook(request.number, &request.target(), &mut self.lock());
        }
    }

    fn hook(&self) -> MutexGuard<'_, Option<Hook<C>>> {
        self.hook.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> fmt::Debug for Held<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}
