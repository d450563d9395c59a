use super::refusal::Refusal;
use crate::simulator::{
    exchange::{Answer, Request},
    harbor::in_query,
};

/// Without `page_size`, and the most that counts of it (read from the source: no recorded list was
/// as long).
const MOST: u64 = 500;

/// The page of a list that was asked for.
#[derive(Debug)]
pub(super) struct Paging {
    path: String,
    pairs: Vec<(String, String)>,
    page: u64,
    size: u64,
}

impl Paging {
    /// # Errors
    ///
    /// 400 where a number is none, or below 1.
    pub(super) fn of(request: &Request) -> Result<Self, Refusal> {
        let pairs = request.parameters();
        let number = |name: &str, default: u64| {
            let given = pairs.iter().find(|(present, _)| present == name);
            let number = given.map_or(Ok(default), |(_, text)| text.parse());
            let valid = number.ok().filter(|number| *number > 0);
            valid.ok_or_else(|| Refusal::BadRequest(format!("invalid {name}")))
        };
        let page = number("page", 1)?;
        let size = number("page_size", MOST)?.min(MOST);
        Ok(Self {
            path: request.path.clone(),
            page,
            size,
            pairs,
        })
    }

    /// The rows of the page.
    pub(super) fn of_rows<'a, T>(&self, rows: &'a [T]) -> &'a [T] {
        let index = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let start = (self.page - 1).saturating_mul(self.size);
        let rest = rows.get(index(start)..).unwrap_or_default();
        rest.get(..index(self.size)).unwrap_or(rest)
    }

    /// Adds the total and the ways to the pages beside.
    pub(super) fn head(&self, answer: Answer, total: usize) -> Answer {
        let total = total as u64;
        let answer = answer.with("X-Total-Count", total.to_string());
        let mut links = Vec::new();
        if self.page > 1 && (self.page - 1).saturating_mul(self.size) <= total {
            links.push(self.link(self.page - 1, "prev"));
        }
        if self.page.saturating_mul(self.size) < total {
            links.push(self.link(self.page + 1, "next"));
        }
        if links.is_empty() {
            return answer;
        }
        answer.with("Link", links.join(", "))
    }

    /// With all that was asked for, `page_size` as it was asked for.
    fn link(&self, page: u64, relation: &str) -> String {
        let others = self.pairs.iter().filter(|(name, _)| name != "page");
        let mut pairs: Vec<_> = others.cloned().collect();
        pairs.push(("page".to_owned(), page.to_string()));
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        let escaped = |text: &str| in_query(text).replace("%20", "+");
        let query: Vec<_> = pairs
            .iter()
            .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)))
            .collect();
        format!("<{}?{}>; rel=\"{relation}\"", self.path, query.join("&"))
    }
}
