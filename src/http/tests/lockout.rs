//! The account's gate before a server that locks a user name for 1.5 s after a failed log-in, as
//! Harbor does: meanwhile it answers 401 at once, and a failed log-in only after 1.5 s.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::{Semaphore, mpsc};

use super::{
    Account, Request, account, ended,
    server::{Reply, Seen, Server, reply},
    settings, until, with_clock,
};
use crate::{
    clock::{Clock, ManualClock, Timestamp},
    error::{ErrorCode, Step},
    http::{ConnectionSettings, HttpClient},
};

const FROZEN: Duration = Duration::from_millis(1500);
const LOCK_OUT: Duration = Duration::from_millis(1600);

/// A user as the server knows it.
struct User {
    clock: ManualClock,
    locked_until: Mutex<Duration>,
    password_is_right: Mutex<bool>,
    failed: AtomicU64,
}

impl User {
    async fn log_in(self: Arc<Self>, _: Seen) -> Reply {
        if self.clock.monotonic() < *self.locked_until.lock().unwrap() {
            return reply(401, "", "");
        }
        if *self.password_is_right.lock().unwrap() {
            return reply(200, "", "[]");
        }
        self.failed.fetch_add(1, Ordering::SeqCst);
        self.lock();
        self.clock.sleep(FROZEN).await;
        reply(401, "", "")
    }

    fn lock(&self) {
        *self.locked_until.lock().unwrap() = self.clock.monotonic() + FROZEN;
    }
}

struct Scene {
    clock: ManualClock,
    user: Arc<User>,
    server: Server,
    places: usize,
    client: HttpClient,
    account: Account,
}

impl Scene {
    async fn new(password_is_right: bool) -> Self {
        Self::with_places(password_is_right, 4).await
    }

    async fn with_places(password_is_right: bool, places: usize) -> Self {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let user = Arc::new(User {
            clock: clock.clone(),
            locked_until: Mutex::default(),
            password_is_right: Mutex::new(password_is_right),
            failed: AtomicU64::new(0),
        });
        let asked = Arc::clone(&user);
        let server = Server::start(move |seen| Arc::clone(&asked).log_in(seen)).await;
        let settings = ConnectionSettings {
            requests_in_flight: NonZeroUsize::new(places).unwrap(),
            ..settings(&server.url("/"))
        };
        let client = with_clock(settings, &clock);
        Self {
            clock,
            user,
            places,
            server,
            client,
            account: account(),
        }
    }

    /// An account that was once accepted.
    async fn accepted() -> Self {
        let scene = Self::new(true).await;
        assert_eq!(scene.request().await.unwrap().unwrap().status(), 200);
        scene
    }

    fn request(&self) -> Request {
        let (client, account) = (self.client.clone(), self.account.clone());
        let url = self.server.url("/");
        tokio::spawn(async move {
            client
                .get(Step::Listing, url)
                .account(&account)
                .send()
                .await
        })
    }

    fn requests(&self, number: usize) -> Vec<Request> {
        (0..number).map(|_| self.request()).collect()
    }

    /// Lets everything run that can, until so many requests have come, so many are in flight and
    /// so many wait for the clock.
    async fn until(&self, seen: usize, in_flight: usize, sleepers: usize) {
        let now = || {
            (
                self.server.seen().len(),
                self.places - self.client.pacing().free(),
                self.clock.sleepers(),
            )
        };
        until(|| now() == (seen, in_flight, sleepers)).await;
    }

    fn change_password(&self) {
        *self.user.password_is_right.lock().unwrap() = false;
    }

    fn failed_log_ins(&self) -> u64 {
        self.user.failed.load(Ordering::SeqCst)
    }
}

async fn all_refused(requests: Vec<Request>) {
    for request in requests {
        let error = ended(request).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::FailedToVerifyUsernameOrPwd);
    }
}

async fn all_accepted(requests: Vec<Request>) {
    for request in requests {
        assert_eq!(ended(request).await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn a_wrong_password_is_sent_once_though_four_requests_begin_together() {
    let scene = Scene::new(false).await;
    let requests = scene.requests(4);
    scene.until(1, 1, 1).await;
    scene.clock.advance(FROZEN);
    all_refused(requests).await;
    assert_eq!((scene.failed_log_ins(), scene.server.seen().len()), (1, 1));
    all_refused(scene.requests(2)).await;
    assert_eq!(scene.server.seen().len(), 1);
}

#[tokio::test]
async fn a_password_changed_in_mid_run_costs_one_failed_log_in_with_four_in_flight() {
    let scene = Scene::accepted().await;
    scene.change_password();
    let requests = scene.requests(4);
    // One is being refused by the server; of the three that found the lock, one waits to ask.
    scene.until(5, 1, 2).await;
    scene.clock.advance(FROZEN);
    all_refused(requests).await;
    assert_eq!((scene.failed_log_ins(), scene.server.seen().len()), (1, 5));
}

#[tokio::test]
async fn a_request_that_waited_for_its_place_is_not_sent_after_the_refusal() {
    let scene = Scene::with_places(true, 1).await;
    all_accepted(scene.requests(1)).await;
    scene.change_password();
    let requests = scene.requests(3);
    scene.until(2, 1, 1).await;
    scene.clock.advance(FROZEN);
    all_refused(requests).await;
    assert_eq!((scene.failed_log_ins(), scene.server.seen().len()), (1, 2));
}

#[tokio::test]
async fn a_lock_out_by_somebody_else_is_waited_for_and_asked_again_by_one_for_all() {
    let scene = Scene::accepted().await;
    scene.user.lock();
    let requests = scene.requests(4);
    scene.until(5, 0, 1).await;
    scene.clock.advance(LOCK_OUT - Duration::from_millis(1));
    tokio::task::yield_now().await;
    assert_eq!(scene.server.seen().len(), 5);
    scene.clock.advance(Duration::from_millis(1));
    all_accepted(requests).await;
    assert_eq!((scene.failed_log_ins(), scene.server.seen().len()), (0, 9));
    all_accepted(scene.requests(1)).await;
}

#[tokio::test]
async fn a_second_refusal_after_the_lock_is_the_verdict() {
    let scene = Scene::accepted().await;
    scene.user.lock();
    scene.change_password();
    let requests = scene.requests(4);
    scene.until(5, 0, 1).await;
    scene.clock.advance(LOCK_OUT);
    scene.until(6, 1, 1).await;
    scene.clock.advance(FROZEN);
    all_refused(requests).await;
    assert_eq!((scene.failed_log_ins(), scene.server.seen().len()), (1, 6));
}

#[tokio::test]
async fn a_fresh_account_that_is_locked_is_asked_again_too() {
    let scene = Scene::new(true).await;
    scene.user.lock();
    let requests = scene.requests(3);
    scene.until(1, 0, 1).await;
    scene.clock.advance(LOCK_OUT);
    all_accepted(requests).await;
    assert_eq!(scene.server.seen().len(), 4);
}

#[tokio::test]
async fn whoever_gives_up_asking_again_leaves_it_to_the_next() {
    let scene = Scene::accepted().await;
    scene.user.lock();
    let first = scene.request();
    scene.until(2, 0, 1).await;
    let mut others = scene.requests(2);
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    scene.until(2, 0, 1).await;
    scene.clock.advance(LOCK_OUT);
    others.extend(scene.requests(1));
    all_accepted(others).await;
    assert_eq!(scene.server.seen().len(), 5);
}

#[tokio::test]
async fn only_one_asks_again_and_the_rest_wait_for_its_answer() {
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let server = Server::start(move |seen| {
        let (arrived, held) = (arrived.clone(), Arc::clone(&held));
        async move {
            match seen.before {
                0 => reply(200, "", "[]"),
                1..=3 => reply(401, "", ""),
                _ => {
                    arrived.send(seen.before).unwrap();
                    held.acquire().await.unwrap().forget();
                    reply(200, "", "[]")
                }
            }
        }
    })
    .await;
    let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
    let client = with_clock(settings(&server.url("/")), &clock);
    let account = account();
    let ask = || {
        let (client, account, url) = (client.clone(), account.clone(), server.url("/"));
        tokio::spawn(async move {
            client
                .get(Step::Listing, url)
                .account(&account)
                .send()
                .await
        })
    };
    assert!(ask().await.unwrap().is_ok());
    let requests: Vec<_> = (0..3).map(|_| ask()).collect();
    until(|| {
        (
            server.seen().len(),
            client.pacing().free(),
            clock.sleepers(),
        ) == (4, 4, 1)
    })
    .await;
    clock.advance(LOCK_OUT);
    assert_eq!(arrivals.recv().await, Some(4));
    let late = ask();
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert!(arrivals.try_recv().is_err());
    gate.add_permits(4);
    all_accepted(requests).await;
    all_accepted(vec![late]).await;
    assert_eq!(server.seen().len(), 8);
}

#[tokio::test]
async fn an_answer_that_comes_after_the_refusal_does_not_count() {
    let (release, held) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let gates = (Arc::clone(&release), Arc::clone(&held));
    let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
    let server_clock = clock.clone();
    let server = Server::start(move |seen| {
        let (release, held) = (Arc::clone(&gates.0), Arc::clone(&gates.1));
        let clock = server_clock.clone();
        async move {
            match seen.path() {
                "/page" => {
                    held.add_permits(1);
                    release.acquire().await.unwrap().forget();
                    reply(200, "", "[]")
                }
                "/refused" => {
                    clock.advance(FROZEN);
                    reply(401, "", "")
                }
                _ => reply(200, "", "[]"),
            }
        }
    })
    .await;
    let client = with_clock(settings(&server.url("/")), &clock);
    let account = account();
    let ask = |path: &str| {
        let (client, account, url) = (client.clone(), account.clone(), server.url(path));
        tokio::spawn(async move {
            client
                .get(Step::Listing, url)
                .account(&account)
                .send()
                .await
        })
    };
    all_accepted(vec![ask("/")]).await;
    let page = ask("/page");
    held.acquire().await.unwrap().forget();
    all_refused(vec![ask("/refused")]).await;
    release.add_permits(1);
    all_refused(vec![page]).await;
}

#[tokio::test]
async fn requests_without_the_account_pass_a_closed_gate() {
    let scene = Scene::new(false).await;
    let refused = scene.request();
    scene.until(1, 1, 1).await;
    scene.clock.advance(FROZEN);
    all_refused(vec![refused]).await;
    *scene.user.password_is_right.lock().unwrap() = true;
    scene.clock.advance(FROZEN);
    let anonymous = scene.client.get(Step::Registry, scene.server.url("/"));
    assert_eq!(anonymous.send().await.unwrap().status(), 200);
    let other = Account::basic("admin", "rotated".to_owned().into());
    let rotated = scene.client.get(Step::Registry, scene.server.url("/"));
    assert_eq!(rotated.account(&other).send().await.unwrap().status(), 200);
}
