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
    /// The page's number, where it was asked for by that.
    pub(super) number: Option<u64>,
    /// Where the next page begins, where there is one and tokens are known.
    next: Option<u64>,
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
            number: Some(page),
            next: None,
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
        let tokens = self.gateway.readings.next_tokens;
        let follows = |offset: u64, size: u64| {
            let next = offset.saturating_add(size);
            (next < total).then_some(next)
        };
        if tokens == NextTokens::Never || (token.is_none() && size.is_none()) {
            let mut paging = self.numbered("PageNo")?;
            if tokens == NextTokens::ToNumbersToo {
                paging.next = follows(paging.offset, paging.size);
            }
            return Ok(paging);
        }
        let size = self.gateway.readings.page_size(size)?;
        let offset = match token {
            Some(token) => read(token).ok_or_else(|| Refusal::invalid("NextToken"))?,
            None => 0,
        };
        Ok(Paging {
            offset,
            size,
            number: None,
            next: follows(offset, size),
        })
    }
}

impl Call<'_> {
    /// What an answer of Enterprise says of its page.
    pub(super) fn add_paging(&self, body: &mut Value, paging: &Paging, total: u64, model: Model) {
        let readings = &self.gateway.readings;
        body["TotalCount"] = readings.total(total, model);
        if let Some(page) = paging.number {
            body["PageNo"] = json!(page);
            body["PageSize"] = json!(paging.size);
        } else {
            body["MaxResults"] = json!(paging.size);
        }
        match paging.next {
            Some(next) => {
                body["NextToken"] = json!(BASE64_STANDARD.encode(format!("offset={next}")));
            }
            None if paging.number.is_none() && readings.next_tokens == NextTokens::EndEmpty => {
                body["NextToken"] = json!("");
            }
            None => {}
        }
    }
}

fn read(token: &str) -> Option<u64> {
    let text = String::from_utf8(BASE64_STANDARD.decode(token).ok()?).ok()?;
    text.strip_prefix("offset=")?.parse().ok()
}
