use std::{borrow::Cow, net::IpAddr, num::NonZeroU32, ops::RangeInclusive, time::Duration};

use super::{
    ConfigProblem, Secret, SpeedLimit, Timeouts,
    choice::Choice,
    fault::{Faults, shown},
    tree::Value,
};

const IP: &str = "an IPv4 or IPv6 address alone, without port";
const NO_IP: &str = "is no IP address";

/// Takes the keys of one table by name. What cannot be read as asked is a fault and counts as not
/// given; keys that nobody asked for are faults at the end.
pub(super) struct TableReader<'f> {
    entries: Vec<(String, Value)>,
    prefix: Cow<'static, str>,
    known: Vec<&'static str>,
    faults: &'f mut Faults,
}

impl<'f> TableReader<'f> {
    /// A reader of the table that is found under `prefix`, which ends in a dot unless empty.
    pub(super) fn new(
        entries: Vec<(String, Value)>,
        prefix: impl Into<Cow<'static, str>>,
        faults: &'f mut Faults,
    ) -> Self {
        Self {
            entries,
            prefix: prefix.into(),
            known: Vec::new(),
            faults,
        }
    }

    /// Null is the same as absent.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        let index = self.entries.iter().position(|(name, _)| name == key)?;
        let (_, value) = self.entries.remove(index);
        (!matches!(value, Value::Null)).then_some(value)
    }

    pub(super) fn string(&mut self, key: &'static str) -> Option<String> {
        match self.take(key)? {
            Value::String(text) => Some(text),
            other => self.wrong_type(key, &other, "a string"),
        }
    }

    pub(super) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        match self.take(key)? {
            Value::Boolean(value) => Some(value),
            other => self.wrong_type(key, &other, "true, false"),
        }
    }

    /// The number as it stands: its range is judged where the builder's is.
    pub(super) fn integer(&mut self, key: &'static str) -> Option<i128> {
        match self.take(key)? {
            Value::Integer(number) => Some(number),
            other => self.wrong_type(key, &other, "a whole number"),
        }
    }

    /// A whole number of this range.
    pub(super) fn integer_in(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i128>,
    ) -> Option<i128> {
        let number = self.integer(key)?;
        if range.contains(&number) {
            return Some(number);
        }
        let found = number.to_string();
        let allowed = format!("a whole number from {} to {}", range.start(), range.end());
        self.fault(key, ConfigProblem::NotAllowed { found }, allowed)
    }

    pub(super) fn choice<C: Choice>(&mut self, key: &'static str) -> Option<C> {
        match self.take(key)? {
            Value::String(word) => C::from_word(&word).or_else(|| {
                let found = shown(&word);
                self.fault(key, ConfigProblem::NotAllowed { found }, C::allowed())
            }),
            other => self.wrong_type(key, &other, C::allowed()),
        }
    }

    pub(super) fn ip(&mut self, key: &'static str) -> Option<IpAddr> {
        let text = self.string(key)?;
        text.parse().ok().or_else(|| {
            let problem = ConfigProblem::Malformed { flaw: NO_IP };
            self.fault(key, problem, IP)
        })
    }

    /// The names of an inner table, as they stand, and the IP address of each.
    pub(super) fn addresses(&mut self, key: &'static str) -> Option<Vec<(String, IpAddr)>> {
        const TABLE: &str = "a table of host names and their IP addresses";
        let entries = match self.take(key)? {
            Value::Table(entries) => entries,
            other => return self.wrong_type(key, &other, TABLE),
        };
        let mut addresses = Vec::with_capacity(entries.len());
        for (name, value) in entries {
            let beginning: String = name.chars().take(64).collect();
            let field = format!("{}{key}.{beginning}", self.prefix);
            let problem = match value {
                Value::String(text) => match text.parse() {
                    Ok(address) => {
                        addresses.push((name, address));
                        continue;
                    }
                    Err(_) => ConfigProblem::Malformed { flaw: NO_IP },
                },
                other => ConfigProblem::WrongType {
                    found: other.type_name(),
                },
            };
            self.faults.push(field, problem, IP);
        }
        Some(addresses)
    }

    pub(super) fn strings(&mut self, key: &'static str) -> Option<Vec<String>> {
        const ALLOWED: &str = "an array of strings";
        let items = match self.take(key)? {
            Value::Array(items) => items,
            other => return self.wrong_type(key, &other, ALLOWED),
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Value::String(text) => texts.push(text),
                other => return self.wrong_type(key, &other, ALLOWED),
            }
        }
        Some(texts)
    }

    pub(super) fn seconds(&mut self, key: &'static str) -> Option<Duration> {
        let seconds = match self.take(key)? {
            Value::Integer(number) => number as f64,
            Value::Float(number) => number,
            other => return self.wrong_type(key, &other, Timeouts::ALLOWED),
        };
        Duration::try_from_secs_f64(seconds).ok().or_else(|| {
            let found = seconds.to_string();
            let problem = ConfigProblem::NotAllowed { found };
            self.fault(key, problem, Timeouts::ALLOWED)
        })
    }

    pub(super) fn speed_limit(&mut self, key: &'static str) -> Option<SpeedLimit> {
        let found = match self.take(key)? {
            Value::Integer(number) => {
                let images = u32::try_from(number).ok().and_then(NonZeroU32::new);
                match images {
                    Some(images) => return Some(SpeedLimit::PerHour(images)),
                    None => number.to_string(),
                }
            }
            Value::String(word) if word == "unlimited" => return Some(SpeedLimit::Unlimited),
            Value::String(word) => shown(&word),
            other => return self.wrong_type(key, &other, SpeedLimit::ALLOWED),
        };
        let problem = ConfigProblem::NotAllowed { found };
        self.fault(key, problem, SpeedLimit::ALLOWED)
    }

    /// The secret, and whether it stands in the document itself. No part of it is ever shown, its
    /// unknown keys neither.
    pub(super) fn secret(&mut self, key: &'static str) -> Option<(Secret, bool)> {
        let entries = match self.take(key)? {
            Value::String(text) => return Some((Secret::new(text), true)),
            Value::Table(entries) => entries,
            other => return self.wrong_type(key, &other, Secret::FORMS),
        };
        let problem = match <[_; 1]>::try_from(entries) {
            Ok([(form, Value::String(text))]) if form == "env" => {
                return Some((Secret::env(text), false));
            }
            Ok([(form, Value::String(path))]) if form == "file" => {
                return Some((Secret::file(path), false));
            }
            _ => ConfigProblem::Malformed {
                flaw: "is a table of another form",
            },
        };
        self.fault(key, problem, Secret::FORMS)
    }

    /// Lets `read` take the keys of an inner table.
    pub(super) fn table(
        &mut self,
        key: &'static str,
        prefix: &'static str,
        read: impl FnOnce(&mut TableReader<'_>),
    ) {
        match self.take(key) {
            Some(Value::Table(entries)) => self.inner(entries, prefix, read),
            Some(other) => {
                self.wrong_type::<()>(key, &other, "a table");
            }
            None => {}
        }
    }

    /// Lets `read` take the keys of an inner table that was taken already.
    pub(super) fn inner(
        &mut self,
        entries: Vec<(String, Value)>,
        prefix: &'static str,
        read: impl FnOnce(&mut TableReader<'_>),
    ) {
        let mut reader = TableReader::new(entries, prefix, self.faults);
        read(&mut reader);
        reader.finish();
    }

    /// Lets `read` take the keys of each table of an array.
    pub(super) fn tables(&mut self, key: &'static str, mut read: impl FnMut(&mut TableReader<'_>)) {
        const ALLOWED: &str = "an array of tables";
        let items = match self.take(key) {
            Some(Value::Array(items)) => items,
            Some(other) => {
                self.wrong_type::<()>(key, &other, ALLOWED);
                return;
            }
            None => return,
        };
        for (index, item) in items.into_iter().enumerate() {
            match item {
                Value::Table(entries) => {
                    let prefix = format!("{key}[{index}].");
                    let mut reader = TableReader::new(entries, prefix, self.faults);
                    read(&mut reader);
                    reader.finish();
                }
                other => {
                    self.wrong_type::<()>(key, &other, ALLOWED);
                }
            }
        }
    }

    /// Reports every key that was not taken, without its value.
    pub(super) fn finish(self) {
        for (key, _) in self.entries {
            let name: String = key.chars().take(64).collect();
            let field = format!("{}{name}", self.prefix);
            if self.known.contains(&key.as_str()) {
                let allowed = "each key once";
                self.faults.push(field, ConfigProblem::RepeatedKey, allowed);
            } else {
                let suggestion = nearest(&key, &self.known);
                let problem = ConfigProblem::UnknownKey { suggestion };
                self.faults.push(field, problem, self.known.join(", "));
            }
        }
    }

    pub(super) fn wrong_type<T>(
        &mut self,
        key: &'static str,
        value: &Value,
        allowed: impl Into<Cow<'static, str>>,
    ) -> Option<T> {
        let found = value.type_name();
        self.fault(key, ConfigProblem::WrongType { found }, allowed)
    }

    pub(super) fn fault<T>(
        &mut self,
        key: &'static str,
        problem: ConfigProblem,
        allowed: impl Into<Cow<'static, str>>,
    ) -> Option<T> {
        let field = format!("{}{key}", self.prefix);
        self.faults.push(field, problem, allowed);
        None
    }
}

/// The known key that a misspelling is closest to: at most two letters away, and at most half.
fn nearest(key: &str, known: &[&'static str]) -> Option<&'static str> {
    let plain = key.to_lowercase().replace(['-', ' '], "_");
    known
        .iter()
        .map(|candidate| (distance(&plain, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= 2 && distance * 2 <= candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance: how many letters must be added, removed or changed.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (line, letter) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (column, other) in to.chars().enumerate() {
            let changed = diagonal + usize::from(letter != other);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.chars().count()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_key_is_led_back_to_the_nearest_known_one() {
        let known = ["ip", "port", "password", "username", "region_id"];
        for (key, meant) in [
            ("pasword", Some("password")),
            ("passwort", Some("password")),
            ("user_name", Some("username")),
            ("Region-ID", Some("region_id")),
            ("prot", Some("port")),
            ("ports", Some("port")),
            ("url", None),
            ("certificate", None),
        ] {
            assert_eq!(nearest(key, &known), meant, "{key}");
        }
    }

    #[test]
    fn the_distance_counts_added_removed_and_changed_letters() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("ü", "u"), 1);
        assert_eq!(distance("same", "same"), 0);
    }
}
