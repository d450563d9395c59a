//! What no source settles: each reading can be chosen, since clients must live with every one.

use serde_json::{Value, json};

use super::refusal::Denial;

/// How the totals and times of answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Numbers {
    /// Each as the vendor's SDK models it: some are numbers, some texts.
    #[default]
    AsModelled,
    /// All as numbers.
    AsNumbers,
    /// All as texts.
    AsTexts,
}

/// Whether lists can be paged by `MaxResults` and `NextToken`, and how such a list ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum NextTokens {
    /// They can; the last page has no `NextToken`.
    #[default]
    EndMissing,
    /// They can; the `NextToken` of the last page is empty.
    EndEmpty,
    /// Every page tells one, also those that are asked for by number; the last has none.
    ToNumbersToo,
    /// They cannot: both parameters are passed over.
    Never,
}

/// How an Enterprise instance's service refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Refusals {
    /// `IsSuccess` is false under HTTP 200, which is by design.
    #[default]
    UnderStatus200,
    /// An HTTP error with code and message.
    UnderHttpError,
}

/// How Personal writes the fields of its own refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ErrorFields {
    /// `code`, `message`, `requestId`.
    #[default]
    LowerCase,
    /// `Code`, `Message`, `RequestId`.
    UpperCase,
}

/// In what Personal wraps its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Wrapper {
    /// In `data`, save a single tag, which the SDK's model has flat.
    #[default]
    AsModelled,
    /// All in `data`.
    Data,
    /// In nothing, as one documented sample of a list of tags.
    Nothing,
}

/// What the SDK makes of a number.
#[derive(Debug, Clone, Copy)]
pub(super) enum Model {
    Number,
    Text,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Readings {
    pub(super) numbers: Numbers,
    pub(super) prefixed_digests: bool,
    pub(super) greatest_page_size: u64,
    pub(super) caps_page_size: bool,
    pub(super) denial: Denial,
    pub(super) next_tokens: NextTokens,
    pub(super) refusals: Refusals,
    pub(super) lists_all_repositories: bool,
    pub(super) error_fields: ErrorFields,
    pub(super) wrapper: Wrapper,
}

impl Default for Readings {
    fn default() -> Self {
        Self {
            numbers: Numbers::default(),
            prefixed_digests: false,
            greatest_page_size: 100,
            caps_page_size: false,
            denial: Denial::default(),
            next_tokens: NextTokens::default(),
            refusals: Refusals::default(),
            lists_all_repositories: true,
            error_fields: ErrorFields::default(),
            wrapper: Wrapper::default(),
        }
    }
}

impl Readings {
    pub(super) fn number(&self, value: i64, model: Model) -> Value {
        match (self.numbers, model) {
            (Numbers::AsNumbers, _) | (Numbers::AsModelled, Model::Number) => json!(value),
            (Numbers::AsTexts, _) | (Numbers::AsModelled, Model::Text) => json!(value.to_string()),
        }
    }

    pub(super) fn total(&self, count: u64, model: Model) -> Value {
        self.number(i64::try_from(count).unwrap_or(i64::MAX), model)
    }

    /// A digest, of which the documented samples show the digits alone.
    pub(super) fn digest<'a>(&self, digest: &'a str) -> &'a str {
        let bare = digest.strip_prefix("sha256:").unwrap_or(digest);
        if self.prefixed_digests { digest } else { bare }
    }
}
