use base64::{Engine as _, prelude::BASE64_STANDARD};

use serde_json::{Value, json};

use super::{
    call::Call,
    readings::{Model, NextTokens, Readings},
    refusal::Refusal,
};

const DEFAULT_SIZE: u64 = 30;

/// The page of a list that is asked for.
#[derive(Debug)]
pub(super) struct Paging {
    pub(super) offset: u64,
    pub(super) size: u64,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// The number of the page.
    Numbered(u64),
    /// By token, with the next one.
    Tokened(Option<String>),
}

impl Readings {
    /// What becomes of a size above the largest, which either is refused or counts as that. For some
    /// lists 100 is documented, for the others no maximum is known.
    pub(super) fn page_size(&self, asked: Option<u64>) -> Result<u64, Refusal> {
        match asked.unwrap_or(DEFAULT_SIZE) {
            size if size <= self.greatest_page_size => Ok(size),
            _ if self.caps_page_size => Ok(self.greatest_page_size),
            _ => Err(Refusal::invalid("PageSize")),
        }
    }
}

impl Paging {
    /// Pages start at 1.
    pub(super) fn numbered(page: Option<u64>, size: u64) -> Self {
        let page = page.unwrap_or(1);
        Self {
            offset: (page - 1).saturating_mul(size),
            size,
            kind: Kind::Numbered(page),
        }
    }

    /// The rows of the page.
    pub(super) fn of<'a, T>(&self, rows: &'a [T]) -> &'a [T] {
        let place = |count: u64| usize::try_from(count).unwrap_or(usize::MAX).min(rows.len());
        let start = place(self.offset);
        &rows[start..place(self.offset.saturating_add(self.size))]
    }
}

impl Call<'_> {
    /// The page of a list that can be paged by `MaxResults` and `NextToken` too, which come first.
    /// What a token says is made up.
    pub(super) fn paging(&self, total: u64) -> Result<Paging, Refusal> {
        let token = self.parameter("NextToken");
        let size = self.number("MaxResults")?;
        let is_known = self.gateway.readings.next_tokens != NextTokens::Never;
        if !is_known || (token.is_none() && size.is_none()) {
            return self.numbered("PageNo");
        }
        let size = self.gateway.readings.page_size(size)?;
        let offset = match token {
            Some(token) => read(token).ok_or_else(|| Refusal::invalid("NextToken"))?,
            None => 0,
        };
        let next = offset.saturating_add(size);
        let next = (next < total).then(|| BASE64_STANDARD.encode(format!("offset={next}")));
        Ok(Paging {
            offset,
            size,
            kind: Kind::Tokened(next),
        })
    }
}

impl Call<'_> {
    /// What an answer of Enterprise says of its page.
    pub(super) fn add_paging(&self, body: &mut Value, paging: &Paging, total: u64, model: Model) {
        let readings = &self.gateway.readings;
        body["TotalCount"] = readings.total(total, model);
        match &paging.kind {
            Kind::Numbered(page) => {
                body["PageNo"] = json!(page);
                body["PageSize"] = json!(paging.size);
            }
            Kind::Tokened(next) => {
                body["MaxResults"] = json!(paging.size);
                match next {
                    Some(token) => body["NextToken"] = json!(token),
                    None if readings.next_tokens == NextTokens::EndEmpty => {
                        body["NextToken"] = json!("");
                    }
                    None => {}
                }
            }
        }
    }
}

fn read(token: &str) -> Option<u64> {
    let text = String::from_utf8(BASE64_STANDARD.decode(token).ok()?).ok()?;
    text.strip_prefix("offset=")?.parse().ok()
}
