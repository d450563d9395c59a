use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use registry_intake::{
    conformance::Shown,
    simulator::{Answer, Handler, Request},
};

pub(super) const PASSWORD: &str = "correct";
const PAGE: usize = 3;

/// The registry: one list of images by number, three at a time, for one account.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) images: Mutex<BTreeMap<u64, Shown>>,
    pub(super) password: Mutex<&'static str>,
    pub(super) failed_logins: AtomicU64,
    pub(super) due: Mutex<Option<(u64, Change)>>,
}

#[derive(Debug)]
pub(super) enum Change {
    Password,
    Deletion,
}

#[async_trait]
impl Handler for Shelf {
    fn before(&self, request: &Request) {
        let mut due = self.due.lock().unwrap();
        match due.take_if(|(number, _)| *number == request.number) {
            Some((_, Change::Password)) => *self.password.lock().unwrap() = "another",
            Some((_, Change::Deletion)) => {
                let mut images = self.images.lock().unwrap();
                images.retain(|_, image| image.repository != "team/doomed");
            }
            None => {}
        }
    }

    async fn answer(&self, request: &Request) -> Answer {
        match request.basic_credentials() {
            None => return Answer::new(401, "text/plain", "credentials needed"),
            Some((_, password)) if password != *self.password.lock().unwrap() => {
                self.failed_logins.fetch_add(1, Ordering::Relaxed);
                return Answer::new(401, "text/plain", "wrong password");
            }
            Some(_) => {}
        }
        let after: u64 = request
            .query
            .strip_prefix("after=")
            .unwrap()
            .parse()
            .unwrap();
        let images = self.images.lock().unwrap();
        let rest = images.range(after + 1..);
        let total = rest.clone().count().to_string();
        let rows: Vec<_> = rest
            .take(PAGE)
            .map(|(id, image)| (id, &image.repository, &image.digest, &image.tags))
            .collect();
        Answer::json(200, "application/json", &rows).with("X-Total-Count", total)
    }
}
