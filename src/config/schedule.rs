use std::{num::NonZeroU8, ops::RangeInclusive};

use super::{ConfigProblem, fault::shown, read::TableReader, tree::Value};
use crate::schedule::Schedule;

const CALENDAR: &str = "\"daily\", \"manual\", or { cron = \"MINUTE HOUR DAY MONTH WEEKDAY\" }";
const EVERY_KEY: &str = "incremental_every_hours";
const ZONE: &str = "a time zone of the IANA database, such as \"Asia/Shanghai\"";
const HOURS: RangeInclusive<i128> = 1..=24;
const EVERY: &str = "hours, a whole number from 1 to 24, or \"never\"";

/// After how many hours what has changed is read; none for never.
type Every = Option<NonZeroU8>;

/// Takes the keys that say when an integration is synced. None where none is given.
pub(super) fn read(reader: &mut TableReader<'_>) -> Option<Schedule> {
    let calendar = calendar(reader);
    let zone = reader.string("timezone");
    let every = every(reader);
    if calendar.is_none() && zone.is_none() && every.is_none() {
        return None;
    }
    let mut schedule = calendar.unwrap_or_default();
    if let Some(zone) = zone {
        match schedule.clone().in_zone(&zone) {
            Ok(zoned) => schedule = zoned,
            Err(_) => {
                let found = shown(&zone);
                reader.fault::<()>("timezone", ConfigProblem::NotAllowed { found }, ZONE);
            }
        }
    }
    match every {
        Some(Some(_)) if schedule.is_manual() => {
            let flaw = "does not go with schedule = \"manual\"";
            let problem = ConfigProblem::Malformed { flaw };
            reader.fault::<()>(EVERY_KEY, problem, "another schedule");
        }
        Some(Some(hours)) => schedule = schedule.with_incremental_every(hours),
        Some(None) => schedule = schedule.without_incremental(),
        None => {}
    }
    Some(schedule)
}

fn every(reader: &mut TableReader<'_>) -> Option<Every> {
    let found = match reader.take(EVERY_KEY)? {
        Value::Integer(number) => {
            let hours = u8::try_from(number)
                .ok()
                .filter(|_| HOURS.contains(&number));
            match hours.and_then(NonZeroU8::new) {
                Some(hours) => return Some(Some(hours)),
                None => number.to_string(),
            }
        }
        Value::String(word) if word == "never" => return Some(None),
        Value::String(word) => shown(&word),
        other => return reader.wrong_type(EVERY_KEY, &other, EVERY),
    };
    reader.fault(EVERY_KEY, ConfigProblem::NotAllowed { found }, EVERY)
}

fn calendar(reader: &mut TableReader<'_>) -> Option<Schedule> {
    const KEY: &str = "schedule";
    let entries = match reader.take(KEY)? {
        Value::String(word) if word == "daily" => return Some(Schedule::daily()),
        Value::String(word) if word == "manual" => return Some(Schedule::manual()),
        Value::String(word) => {
            let found = shown(&word);
            return reader.fault(KEY, ConfigProblem::NotAllowed { found }, CALENDAR);
        }
        Value::Table(entries) => entries,
        other => return reader.wrong_type(KEY, &other, CALENDAR),
    };
    let flaw = match <[_; 1]>::try_from(entries) {
        Ok([(form, Value::String(expression))]) if form == "cron" => {
            match Schedule::cron(&expression) {
                Ok(schedule) => return Some(schedule),
                Err(_) => "is no cron expression of five fields that names a time",
            }
        }
        _ => "is a table of another form",
    };
    reader.fault(KEY, ConfigProblem::Malformed { flaw }, CALENDAR)
}
