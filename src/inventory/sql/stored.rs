//! Between Rust and columns.

use std::borrow::Cow;

use serde::{
    Deserialize,
    de::{DeserializeOwned, IntoDeserializer, value},
};

use crate::{clock::Timestamp, error::BoxError, inventory::InventoryError};

pub(in crate::inventory) type Stored<T> = Result<T, StoreError>;

/// Why a statement or its reading failed; tells sqlx's error apart from the inventory's own without
/// naming it in public.
#[derive(Debug, thiserror::Error)]
pub(in crate::inventory) enum StoreError {
    #[error(transparent)]
    Inventory(#[from] InventoryError),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// What only one of the stores can do wrong.
    #[error(transparent)]
    Particular(BoxError),
    #[error("a stored {what} cannot be read")]
    Unreadable {
        what: &'static str,
        source: BoxError,
    },
}

impl From<StoreError> for InventoryError {
    fn from(error: StoreError) -> Self {
        let source: BoxError = match error {
            StoreError::Inventory(error) => return error,
            StoreError::Database(error) => error.into(),
            StoreError::Particular(error) => error,
            error @ StoreError::Unreadable { .. } => error.into(),
        };
        Self::Unavailable { source }
    }
}

fn unreadable(what: &'static str) -> impl FnOnce(BoxError) -> StoreError {
    move |source| StoreError::Unreadable { what, source }
}

/// A value whose serialised form is a bare word.
pub(super) fn word<'a, T: Deserialize<'a>>(what: &'static str, text: &'a str) -> Stored<T> {
    T::deserialize(text.into_deserializer())
        .map_err(|error: value::Error| unreadable(what)(error.into()))
}

pub(super) fn json<T: DeserializeOwned>(what: &'static str, text: &str) -> Stored<T> {
    serde_json::from_str(text).map_err(|error| unreadable(what)(error.into()))
}

pub(super) fn to_json<T: serde::Serialize + ?Sized>(
    what: &'static str,
    value: &T,
) -> Stored<String> {
    serde_json::to_string(value).map_err(|error| unreadable(what)(error.into()))
}

pub(super) fn parsed<T>(what: &'static str, text: &str) -> Stored<T>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    text.parse()
        .map_err(|error: T::Err| unreadable(what)(error.into()))
}

/// A text that names nothing, without what PostgreSQL cannot hold in one.
pub(super) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}").into()
    } else {
        text.into()
    }
}

/// A number that the database cannot hold becomes the largest that it can.
pub(super) fn integer(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// A small count.
pub(super) fn small(number: i64) -> u32 {
    number.max(0).try_into().unwrap_or(u32::MAX)
}

/// Counts are never negative.
pub(super) fn count(number: i64) -> u64 {
    number.max(0).unsigned_abs()
}

pub(super) const fn time(nanos: i64) -> Timestamp {
    Timestamp::from_unix_nanos(nanos)
}
