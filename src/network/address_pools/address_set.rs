use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::{IpNet, Ipv4Net};
use serde::{Serialize, Serializer};

/// Addresses and ranges of addresses, in ascending order, each entry once. Entries may overlap, as
/// they do in the lists that people keep; [`smallest`](Self::smallest) has none that do.
///
/// ```
/// use registry_intake::network::address_pools::AddressSet;
///
/// let required: AddressSet = "192.0.2.0/25 192.0.2.128/25".parse()?;
/// assert_eq!(required.smallest().to_string(), "192.0.2.0/24");
///
/// let mine: AddressSet = "192.0.2.0/24".parse()?;
/// assert!(required.missing_from(&mine).is_empty());
/// assert_eq!(mine.missing_from(&"192.0.2.64/26".parse()?).to_string(), "192.0.2.0/26, 192.0.2.128/25");
/// # Ok::<(), registry_intake::network::address_pools::AddressError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct AddressSet(Vec<IpNet>);

impl AddressSet {
    /// The entries in ascending order, IPv4 first. A single address is a range of one.
    #[must_use]
    pub fn as_slice(&self) -> &[IpNet] {
        &self.0
    }

    /// Whether there is no address in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the address is in it. An IPv4 address mapped into IPv6 is judged as itself.
    #[must_use]
    pub fn covers(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|range| range.contains(&address))
    }

    /// The fewest ranges that hold exactly the same addresses.
    #[must_use]
    pub fn smallest(&self) -> Self {
        IpNet::aggregate(&self.0).into_iter().collect()
    }

    /// What of it `mine` does not hold, in the fewest ranges.
    #[must_use]
    pub fn missing_from(&self, mine: &Self) -> Self {
        let mine = mine.smallest();
        let mut missing = Vec::new();
        for range in self.smallest().0 {
            subtract(range, &mine.0, &mut missing);
        }
        missing.into_iter().collect()
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.0.iter().chain(&other.0).copied().collect()
    }

    /// Each entry as firewalls take it: a single address bare, any other range in CIDR notation.
    pub fn texts(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(text)
    }
}

/// What of `range` none of `taken` holds, these without overlaps. Each call is over one range or a half
/// of it that some of `taken` lie in, so that there are at most 128 halvings for each of these.
fn subtract(range: IpNet, taken: &[IpNet], missing: &mut Vec<IpNet>) {
    if taken.iter().any(|taken| taken.contains(&range)) {
        return;
    }
    let inside: Vec<_> = taken
        .iter()
        .filter(|taken| range.contains(*taken))
        .copied()
        .collect();
    match range.subnets(range.prefix_len() + 1) {
        Ok(halves) if !inside.is_empty() => {
            for half in halves {
                subtract(half, &inside, missing);
            }
        }
        _ => missing.push(range),
    }
}

fn text(range: &IpNet) -> String {
    if range.prefix_len() == range.max_prefix_len() {
        range.addr().to_string()
    } else {
        range.to_string()
    }
}

/// Addresses of IPv4 that are mapped into IPv6 count as themselves.
fn canonical(range: IpNet) -> IpNet {
    let range = range.trunc();
    if let IpNet::V6(six) = range
        && let Some(prefix) = six.prefix_len().checked_sub(96)
        && let Some(address) = six.addr().to_ipv4_mapped()
        && let Ok(four) = Ipv4Net::new(address, prefix)
    {
        return IpNet::V4(four);
    }
    range
}

/// Bits beyond a prefix are cut off.
impl FromIterator<IpNet> for AddressSet {
    fn from_iter<I: IntoIterator<Item = IpNet>>(ranges: I) -> Self {
        let mut ranges: Vec<_> = ranges.into_iter().map(canonical).collect();
        ranges.sort_unstable();
        ranges.dedup();
        Self(ranges)
    }
}

impl FromIterator<IpAddr> for AddressSet {
    fn from_iter<I: IntoIterator<Item = IpAddr>>(addresses: I) -> Self {
        addresses.into_iter().map(IpNet::from).collect()
    }
}

/// Reads the list that an operator keeps: addresses and ranges in CIDR notation, between white space or
/// commas; what follows a `#` in a line is passed over.
impl FromStr for AddressSet {
    type Err = AddressError;

    fn from_str(list: &str) -> Result<Self, AddressError> {
        let lines = list.lines().map(|line| match line.split_once('#') {
            Some((entries, _)) => entries,
            None => line,
        });
        lines
            .flat_map(|line| line.split(|letter: char| letter.is_whitespace() || letter == ','))
            .filter(|entry| !entry.is_empty())
            .map(parse_range)
            .collect()
    }
}

/// An address, or a range whose address has no bit beyond its prefix: one that has is as likely a slip
/// in the address as in the prefix.
pub(super) fn parse_range(entry: &str) -> Result<IpNet, AddressError> {
    let shown = || entry.chars().take(64).collect();
    if let Ok(address) = entry.parse::<IpAddr>() {
        return Ok(address.into());
    }
    let range: IpNet = entry
        .parse()
        .map_err(|_| AddressError::Malformed { entry: shown() })?;
    if range.trunc() == range {
        Ok(range)
    } else {
        Err(AddressError::BeyondPrefix {
            entry: shown(),
            range: range.trunc(),
        })
    }
}

/// The entries as [`AddressSet::texts`] gives them, with commas between them.
impl fmt::Display for AddressSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, range) in self.texts().enumerate() {
            if place > 0 {
                f.write_str(", ")?;
            }
            f.write_str(&range)?;
        }
        Ok(())
    }
}

/// An array of the entries as text.
impl Serialize for AddressSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.texts())
    }
}

/// Why an entry is no address and no range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It is neither.
    #[error("{entry:?} is neither an IP address nor a range in CIDR notation")]
    Malformed {
        /// The entry, cut to its beginning.
        entry: String,
    },
    /// The address has bits set beyond the prefix.
    #[error("{entry:?} has bits beyond its prefix; the range is {range}")]
    BeyondPrefix {
        /// The entry.
        entry: String,
        /// The range of that prefix.
        range: IpNet,
    },
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{
        collections::BTreeSet,
        net::{Ipv4Addr, Ipv6Addr},
    };

    use proptest::prelude::*;

    use super::*;

    fn set(list: &str) -> AddressSet {
        list.parse().unwrap()
    }

    #[test]
    fn an_operators_list_is_read_in_the_forms_that_people_write() {
        let list =
            set("# office\n192.0.2.1, 192.0.2.7 # two\n\t198.51.100.0/24\r\n2001:db8::/32,\n");
        assert_eq!(
            list.to_string(),
            "192.0.2.1, 192.0.2.7, 198.51.100.0/24, 2001:db8::/32"
        );
        assert_eq!(set("").to_string(), "");
        assert_eq!(set("::ffff:192.0.2.1"), set("192.0.2.1"));
        assert_eq!(set("::ffff:192.0.2.0/120"), set("192.0.2.0/24"));
    }

    #[test]
    fn what_is_no_address_is_refused_by_name() {
        for entry in [
            "registry.example.com",
            "192.0.2",
            "192.0.2.1/33",
            "192.0.2.1/",
            "192.0.2.0-192.0.2.9",
            "192.0.2.01",
            "192.0.2.1;",
            "$(id)",
            "192.0.2.1/24/24",
        ] {
            let error = AddressError::Malformed {
                entry: entry.to_owned(),
            };
            assert_eq!(entry.parse::<AddressSet>(), Err(error));
        }
        let error = "192.0.2.9/24".parse::<AddressSet>().unwrap_err();
        assert_eq!(
            error.to_string(),
            r#""192.0.2.9/24" has bits beyond its prefix; the range is 192.0.2.0/24"#
        );
    }

    #[test]
    fn a_mapped_address_is_covered_as_itself() {
        let set = set("192.0.2.0/24");
        assert!(set.covers("::ffff:192.0.2.9".parse().unwrap()));
        assert!(!set.covers("::ffff:192.0.3.9".parse().unwrap()));
        assert!(!set.covers("2001:db8::1".parse().unwrap()));
    }

    #[test]
    fn the_whole_of_a_family_is_a_range_too() {
        let everything = set("0.0.0.0/1 128.0.0.0/1 ::/1 8000::/1").smallest();
        assert_eq!(everything.to_string(), "0.0.0.0/0, ::/0");
        let rest = everything.missing_from(&set("128.0.0.0/1 ::/0"));
        assert_eq!(rest.to_string(), "0.0.0.0/1");
    }

    /// Ranges in a corner of each family that is small enough to be gone through whole: the 256
    /// addresses of 192.0.2.0/24 and of 2001:db8::/120.
    fn ranges() -> impl Strategy<Value = AddressSet> {
        let range = (any::<u8>(), 0_u8..=8, any::<bool>()).prop_map(|(last, bits, is_v4)| {
            let range = if is_v4 {
                let address = Ipv4Addr::new(192, 0, 2, last);
                IpNet::new(address.into(), 32 - bits)
            } else {
                let address = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into());
                IpNet::new(address.into(), 128 - bits)
            };
            range.unwrap()
        });
        proptest::collection::vec(range, 0..12).prop_map(|all| all.into_iter().collect())
    }

    fn members(set: &AddressSet) -> BTreeSet<IpAddr> {
        let hosts = set.as_slice().iter().flat_map(|range| match range {
            // Network and broadcast addresses are addresses too.
            IpNet::V4(range) => {
                let first = u32::from(range.network());
                let last = u32::from(range.broadcast());
                (first..=last)
                    .map(|bits| IpAddr::V4(bits.into()))
                    .collect::<Vec<_>>()
            }
            IpNet::V6(range) => {
                let first = u128::from(range.network());
                let last = u128::from(range.broadcast());
                (first..=last).map(|bits| IpAddr::V6(bits.into())).collect()
            }
        });
        hosts.collect()
    }

    /// The fewest ranges that hold these addresses, by another way: from each address on, the largest
    /// range that starts there and that they fill.
    fn fewest(members: &BTreeSet<IpAddr>) -> usize {
        let mut left: Vec<_> = members.iter().copied().collect();
        let mut count = 0;
        while let Some(first) = left.first().copied() {
            let full = if first.is_ipv4() { 32 } else { 128 };
            let whole = (0..=full)
                .map(|prefix| IpNet::new(first, prefix).unwrap())
                .filter(|range| range.network() == first && full - range.prefix_len() <= 8)
                .find(|range| {
                    let size = 1_usize << (full - range.prefix_len());
                    left.iter().filter(|it| range.contains(*it)).count() == size
                })
                .unwrap();
            left.retain(|it| !whole.contains(it));
            count += 1;
        }
        count
    }

    /// How many addresses of IPv4 the smallest set has.
    fn count_v4(set: &AddressSet) -> u64 {
        let ranges = set.smallest().0;
        ranges
            .iter()
            .filter(|range| matches!(range, IpNet::V4(_)))
            .map(|range| 1_u64 << (32 - range.prefix_len()))
            .sum()
    }

    proptest! {
        #[test]
        fn the_smallest_set_covers_exactly_the_input_in_the_fewest_ranges(set in ranges()) {
            let smallest = set.smallest();
            prop_assert_eq!(members(&smallest), members(&set));
            prop_assert_eq!(smallest.as_slice().len(), fewest(&members(&set)));
            prop_assert_eq!(smallest.smallest(), smallest);
        }

        #[test]
        fn what_is_missing_is_what_is_required_without_what_is_there(
            required in ranges(),
            mine in ranges(),
        ) {
            let missing = required.missing_from(&mine);
            let expected = &members(&required) - &members(&mine);
            prop_assert_eq!(members(&missing), expected);
            prop_assert_eq!(missing.smallest(), missing);
        }

        #[test]
        fn an_address_is_covered_exactly_where_it_is_a_member(set in ranges(), last in any::<u8>()) {
            let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, last));
            prop_assert_eq!(set.covers(address), members(&set).contains(&address));
        }

        #[test]
        fn the_size_stays_the_same_however_large_the_ranges_are(
            raw in proptest::collection::vec((any::<u32>(), 0_u8..=32), 0..20),
        ) {
            let set: AddressSet = raw
                .iter()
                .map(|(bits, prefix)| IpNet::new(IpAddr::V4((*bits).into()), *prefix).unwrap())
                .collect();
            // In order, so that each range is either new or lies within the one before.
            let mut counted = 0;
            let mut end = 0;
            for range in set.as_slice() {
                let IpNet::V4(range) = range else { unreachable!() };
                let first = u64::from(u32::from(range.network()));
                let last = u64::from(u32::from(range.broadcast())) + 1;
                counted += last.max(end) - first.max(end);
                end = last.max(end);
            }
            prop_assert_eq!(count_v4(&set), counted);
        }

        #[test]
        fn text_is_read_back_as_it_was_written(set in ranges()) {
            prop_assert_eq!(set.to_string().parse::<AddressSet>(), Ok(set));
        }
    }
}
