use std::collections::HashSet;

use super::{api::Api, wire::Row};
use crate::{
    connector::harbor::answers::{Identity, total_of},
    error::{Incompleteness, IntegrationError, Step},
};

/// The largest page; a larger one is cut to this in silence. Which of the two a server does does not
/// matter here, since no page counts as the last one for being short.
const PAGE_SIZE: &str = "500";

/// How often a list is read before it counts as restless.
const READINGS: u32 = 4;

/// One reading of a list.
struct Reading<T> {
    rows: Vec<T>,
    pages: u32,
}

impl Api {
    /// A whole list. Its pages are cut by row numbers, so that what is made before the cursor shows
    /// a row twice, and what is deleted there hides one: pages must add up to their common total,
    /// and beyond one page two readings must show the same rows.
    pub(super) async fn all<T: Row>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        identity: Identity,
    ) -> Result<Vec<T>, IntegrationError> {
        let mut before = None;
        for _ in 0..READINGS {
            let reading = self.read_pages(path, query, identity).await?;
            let Some(Reading { rows, pages }) = reading else {
                before = None;
                continue;
            };
            let shown: HashSet<u64> = rows.iter().map(Row::id).collect();
            if pages == 1 || before.as_ref() == Some(&shown) {
                return Ok(rows);
            }
            before = Some(shown);
        }
        Err(IntegrationError::IncompleteListing {
            context: Box::new(self.harbor.client.context(Step::Listing).with_subject(path)),
            reason: Incompleteness::KeptChanging { attempts: READINGS },
        })
    }

    /// None where the list changed under the reading.
    async fn read_pages<T: Row>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        identity: Identity,
    ) -> Result<Option<Reading<T>>, IntegrationError> {
        let (mut rows, mut shown, mut known_total) = (Vec::new(), HashSet::new(), None);
        for pages in 1.. {
            let page = pages.to_string();
            let mut paged = vec![("page", page.as_str()), ("page_size", PAGE_SIZE)];
            paged.extend(query);
            let answer = self.get(Step::Listing, path, &paged).await?;
            let total = total_of(&answer, identity)?;
            // Past its end a list is `null`.
            let found = answer.json::<Option<Vec<T>>>()?.unwrap_or_default();
            let is_empty = found.is_empty();
            let is_new = found.iter().all(|row| shown.insert(row.id()));
            rows.extend(found);
            let read = shown.len() as u64;
            if !is_new || *known_total.get_or_insert(total) != total || read > total {
                break;
            }
            if read == total {
                return Ok(Some(Reading { rows, pages }));
            }
            if is_empty {
                break;
            }
        }
        Ok(None)
    }
}
