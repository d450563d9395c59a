//! Processes that sync and ingest at once are killed, at every point at which something is written
//! or handed over and at random, and others go on after them.

pub(crate) mod audit;
pub(crate) mod child;
pub(crate) mod clock;
mod freeze;
pub(crate) mod ledger;
pub(crate) mod points;
pub(crate) mod registry;

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    num::NonZeroU32,
    os::unix::process::ExitStatusExt,
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, stream};
use registry_intake::clock::{Clock, SystemClock};
use tokio::io::{AsyncBufReadExt, BufReader};

use self::{
    child::Orders,
    clock::FastClock,
    ledger::{Entry, Ledger},
    registry::{REFUSED, Registry, SLOW},
};
use crate::inventory::{place::Place, processes::assert_sound};

/// How many inventories live through [`KILLS`] each.
const ROUNDS: u64 = 5;

/// Another number of them.
const ROUNDS_WANTED: &str = "INTAKE_KILL_ROUNDS";

/// More than there are points, the rest of them at random.
const KILLS: usize = 40;

const SIGKILL: i32 = 9;

/// How many rounds are under way at once: most of their time passes in waiting for tokens.
const AT_ONCE: usize = 2;

mod sqlite {
    #[tokio::test]
    async fn nothing_is_lost_or_repeated_wherever_a_process_is_killed() {
        super::rounds(super::Place::file).await;
    }
}

mod postgres {
    #[tokio::test]
    async fn nothing_is_lost_or_repeated_wherever_a_process_is_killed() {
        super::rounds(super::Place::schema).await;
    }
}

async fn rounds(place: fn() -> Option<Place>) {
    if let Some(place) = Place::of_parent() {
        return child::live(place).await;
    }
    let wanted = env::var(ROUNDS_WANTED).ok();
    let rounds = wanted.map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let Some(places) = (0..rounds).map(|_| place()).collect::<Option<Vec<_>>>() else {
        return;
    };
    let lives = places.iter().zip(0..);
    let lives = lives.map(|(place, round)| live_through_a_round(place, round));
    let lives = stream::iter(lives).buffer_unordered(AT_ONCE);
    let kills = lives.concat().await;
    assert_eq!(kills.len() as u64, rounds * KILLS as u64);
    let mut hits = BTreeMap::<String, u64>::new();
    for kill in kills {
        if let Kill::At(point, _) = kill {
            *hits.entry(point).or_default() += 1;
        }
    }
    let every_round = points::all().into_iter().map(|point| (point, rounds));
    assert_eq!(hits, every_round.collect());
}

#[derive(Debug, Clone)]
enum Kill {
    /// At a point, when it is reached for so many times.
    At(String, usize),
    /// As soon as so many points were heard of, wherever it has come to by then.
    After(usize),
}

/// One inventory, from its creation on, by one process after the other.
async fn live_through_a_round(place: &Place, round: u64) -> Vec<Kill> {
    let folder = tempfile::tempdir().unwrap();
    let mut registry = Registry::start().await;
    let mut orders = Orders {
        harbor: registry.harbor.address(),
        ledger: folder.path().join("ledger"),
        began: SystemClock::new().now(),
        per_hour: NonZeroU32::new(30).unwrap(),
        at_once: round % 2 == 1,
        run_lease: Duration::from_secs(60),
        rest: Duration::from_secs(300),
        poll: Duration::from_secs(60),
        hang_at: None,
        freezes: false,
        is_last: false,
    };
    let mut chance = Chance(round);
    let kills = kills(&mut chance);
    for (number, kill) in kills.iter().enumerate() {
        orders.hang_at = match kill {
            Kill::At(point, nth) => Some((point.clone(), *nth)),
            Kill::After(_) => None,
        };
        change(&mut registry, &orders, number, &mut chance);
        run_until(place, &orders, Some(kill)).await;
    }
    (orders.hang_at, orders.is_last) = (None, true);
    run_until(place, &orders, None).await;
    let clock = Arc::new(FastClock::since(orders.began));
    let inventory = place.open_at(clock).await;
    audit::audit(&*inventory, &registry, &orders, kills.len()).await;
    assert_sound(place).await;
    kills
}

/// The opening of a new store and each point once, in any order that has something to do for each,
/// and moments drawn at random.
fn kills(chance: &mut Chance) -> Vec<Kill> {
    let first = ["before bind", "after bind", "after acknowledge"];
    let mut later: Vec<_> = points::all()
        .into_iter()
        .filter(|point| !first.contains(&&**point))
        .map(|point| {
            let is_frequent = ["claim", "acknowledge", "store_page", "hand-over"]
                .iter()
                .any(|often| point.ends_with(often));
            let nth = 1 + if is_frequent { chance.below(3) } else { 0 };
            Kill::At(point, nth)
        })
        .collect();
    while 1 + first.len() + later.len() < KILLS {
        later.push(Kill::After(1 + chance.below(80)));
    }
    for last in (1..later.len()).rev() {
        later.swap(last, chance.below(last + 1));
    }
    let first = first.map(|point| Kill::At(point.to_owned(), 1));
    let opening = Kill::After(1);
    [opening].into_iter().chain(first).chain(later).collect()
}

/// What happens in the registry while nobody looks: enough for each point to be reached, however
/// much of what happened before is done.
fn change(registry: &mut Registry, orders: &Orders, number: usize, chance: &mut Chance) {
    let images = orders.hang_at.as_ref().map_or(1, |(_, nth)| *nth);
    for _ in 0..images {
        registry.push("plain-");
    }
    let is_wanted = |end| matches!(&orders.hang_at, Some((point, _)) if point.ends_with(end));
    if is_wanted(" fail") || chance.below(8) == 0 {
        registry.push(REFUSED);
    }
    if is_wanted(" renew") || number == 0 {
        registry.push(SLOW);
    }
    let acknowledged: BTreeSet<_> = Ledger::read(&orders.ledger)
        .into_iter()
        .filter_map(|entry| match entry {
            Entry::Acknowledged { digest, .. } => Some(digest.to_string()),
            _ => None,
        })
        .filter(|digest| !registry.deleted.contains(digest))
        .collect();
    let (mut untouched, mut given): (Vec<_>, Vec<_>) = acknowledged
        .into_iter()
        .partition(|digest| registry.is_untouched(digest));
    let mut any = |of: &mut Vec<String>| of.swap_remove(chance.below(of.len()));
    if !untouched.is_empty() {
        registry.give_tag(&any(&mut untouched));
    } else if !given.is_empty() {
        registry.give_tag(&any(&mut given));
    }
    if number % 6 == 5 && !untouched.is_empty() {
        registry.delete(&any(&mut untouched));
    }
}

/// Runs this test again in another process until that is killed, or has ended by itself.
async fn run_until(place: &Place, orders: &Orders, kill: Option<&Kill>) {
    let test = "nothing_is_lost_or_repeated_wherever_a_process_is_killed";
    let mut child = child::spawn(module_path!(), test, place, orders);
    let known = points::all();
    let mut passed = BTreeMap::<String, usize>::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        let Some(point) = points::heard(&line) else {
            continue;
        };
        assert!(
            point == points::OPENING || known.contains(&point.to_owned()),
            "{point}"
        );
        *passed.entry(point.to_owned()).or_default() += 1;
        let is_time = match kill {
            Some(Kill::At(wanted, nth)) => passed.get(wanted) == Some(nth),
            Some(Kill::After(heard)) => passed.values().sum::<usize>() == *heard,
            None => false,
        };
        if is_time {
            child.start_kill().unwrap();
            let ended = child.wait().await.unwrap();
            assert_eq!(ended.signal(), Some(SIGKILL), "{kill:?}");
            return;
        }
    }
    let ended = child.wait().await.unwrap();
    assert!(kill.is_none(), "not killed: {kill:?}; {passed:?}");
    assert!(ended.success());
}

/// Numbers that look random and are the same every time (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }
}
