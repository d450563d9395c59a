//! Sizes and digests of what has no content: they follow from an id.

pub(super) fn size_of(id: u64) -> u64 {
    1024 + mix(id) % (64 * 1024 * 1024)
}

/// 64 hexadecimal digits that no other id has; the last 16 lead back to the id.
pub(super) fn digest_of(id: u64) -> String {
    let [first, second, third] = [1, 2, 3].map(|salt| mix(id ^ mix(salt)));
    let last = id.wrapping_mul(SPREAD);
    format!("sha256:{first:016x}{second:016x}{third:016x}{last:016x}")
}

pub(super) fn id_in(digest: &str) -> Option<u64> {
    let last = digest.get(digest.len().checked_sub(16)?..)?;
    let last = u64::from_str_radix(last, 16).ok()?;
    Some(last.wrapping_mul(SPREAD_BACK))
}

/// The golden ratio of 64 bits, and its inverse modulo 2^64.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
const SPREAD_BACK: u64 = 0xf1de_83e1_9937_733d;

/// The finalizer of SplitMix64, a bijection.
fn mix(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(SPREAD);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
