#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn at(schedule: &Schedule, name: &str, after: &str) -> String {
    let next = schedule.next_full(name, time(after)).unwrap();
    local(next, schedule.zone()).to_string()
}

fn local(time: Timestamp, zone: &TimeZone) -> jiff::Zoned {
    zoned(time, zone).unwrap()
}

#[test]
fn the_minute_is_that_of_the_name_for_ever() {
    let minutes = ["harbor-prod", "images", "quay", ""].map(|name| early_minute(name).to_string());
    assert_eq!(minutes, ["03:03:00", "02:03:00", "04:01:00", "03:17:00"]);
}

#[test]
fn names_spread_over_the_whole_window() {
    let minutes: BTreeSet<_> = (0..2000)
        .map(|number| early_minute(&format!("integration-{number}")))
        .collect();
    assert_eq!(minutes.len(), 180);
    assert_eq!(minutes.first().unwrap().to_string(), "02:00:00");
    assert_eq!(minutes.last().unwrap().to_string(), "04:59:00");
}

#[test]
fn the_zone_follows_from_the_region() {
    for (region, zone) in [
        (Some("cn-hangzhou"), "Asia/Shanghai"),
        (Some("ap-southeast-1"), "UTC"),
        (Some("cnx"), "UTC"),
        (None, "UTC"),
    ] {
        let name = Schedule::zone_of_region(region);
        assert_eq!(name, zone, "{region:?}");
        assert_eq!(Schedule::daily().in_zone(name).unwrap().time_zone(), zone);
    }
    assert_eq!(
        Schedule::daily().in_zone("Asia/Nowhere"),
        Err(UnknownTimeZone)
    );
}

#[test]
fn an_hour_that_is_skipped_and_one_that_comes_twice_have_one_run() {
    let berlin = |schedule: Schedule| schedule.in_zone("Europe/Berlin").unwrap();
    // 02:03 is skipped on 29 March and comes twice on 25 October.
    for schedule in [
        berlin(Schedule::daily()),
        berlin(Schedule::cron("3 2 * * *").unwrap()),
    ] {
        let runs = |first: &str| {
            let mut after = time(first);
            [(); 3].map(|()| {
                after = schedule.next_full("images", after).unwrap();
                local(after, schedule.zone()).to_string()
            })
        };
        let spring = runs("2026-03-28T00:00:00Z");
        assert_eq!(spring[0], "2026-03-28T02:03:00+01:00[Europe/Berlin]");
        assert!(spring[1].starts_with("2026-03-29T03:0"), "{spring:?}");
        assert_eq!(spring[2], "2026-03-30T02:03:00+02:00[Europe/Berlin]");
        assert_eq!(
            runs("2026-10-24T00:00:00Z"),
            [
                "2026-10-24T02:03:00+02:00[Europe/Berlin]",
                "2026-10-25T02:03:00+02:00[Europe/Berlin]",
                "2026-10-26T02:03:00+01:00[Europe/Berlin]",
            ]
        );
    }
}

#[test]
fn a_cron_expression_is_read_by_the_clocks_of_its_zone() {
    let schedule = Schedule::cron("30 1 * * MON-FRI").unwrap();
    let schedule = schedule.in_zone("Asia/Shanghai").unwrap();
    // A Saturday.
    assert_eq!(
        at(&schedule, "any", "2026-11-21T00:00:00Z"),
        "2026-11-23T01:30:00+08:00[Asia/Shanghai]"
    );
    assert_eq!(
        schedule.without_incremental().to_string(),
        "cron 30 1 * * MON-FRI, Asia/Shanghai"
    );
}

#[test]
fn what_is_no_cron_expression_or_never_comes_is_refused() {
    for text in [
        "",
        "daily",
        "* * * *",
        "0 0 2 * * *",
        "61 2 * * *",
        "0 0 30 2 *",
    ] {
        assert_eq!(Schedule::cron(text), Err(ParseCronError), "{text:?}");
    }
}

#[test]
fn a_manual_schedule_is_never_due() {
    assert_eq!(
        Schedule::manual().next_full("any", time("2026-11-21T00:00:00Z")),
        None
    );
    assert_eq!(Schedule::manual().to_string(), "manual");
}

const ZONES: &[&str] = &[
    "UTC",
    "Asia/Shanghai",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "Africa/Casablanca",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "Pacific/Chatham",
    "Asia/Kathmandu",
];

proptest! {
    #[test]
    fn every_day_has_exactly_one_run_and_that_in_the_early_morning(
        name in "[a-z]{0,12}",
        zone in prop::sample::select(ZONES),
        // From 2000 to 2040.
        seconds in 946_684_800_i64..2_208_988_800,
    ) {
        let schedule = Schedule::daily().in_zone(zone).unwrap();
        let mut after = Timestamp::from_unix_nanos(seconds * 1_000_000_000);
        let mut date = None;
        for _ in 0..400 {
            let next = schedule.next_full(&name, after).unwrap();
            prop_assert!(next > after);
            let local = local(next, schedule.zone());
            prop_assert!(EARLY_MORNING.contains(&local.hour()), "{local}");
            if let Some(date) = date {
                prop_assert_eq!(local.date(), jiff::civil::Date::tomorrow(date).unwrap());
            }
            date = Some(local.date());
            after = next;
        }
    }

    #[test]
    fn what_is_due_next_does_not_depend_on_when_it_is_asked(
        zone in prop::sample::select(ZONES),
        seconds in 946_684_800_i64..2_208_988_800,
        earlier in 0_u64..200_000,
    ) {
        let schedule = Schedule::daily().in_zone(zone).unwrap();
        let asked = Timestamp::from_unix_nanos(seconds * 1_000_000_000);
        let next = schedule.next_full("harbor", asked).unwrap();
        let between = asked.saturating_add(Duration::from_secs(earlier)).min(
            next.saturating_sub(Duration::from_nanos(1)));
        prop_assert_eq!(schedule.next_full("harbor", between), Some(next));
    }
}
