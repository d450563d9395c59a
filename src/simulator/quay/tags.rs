use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    asked::{Asked, date, seconds},
    lookup::{Filter, Names},
    records::{Content, Manifest, Row},
    refusal::Refusal,
    rights::Viewer,
};
use crate::simulator::exchange::Answer;

const DEFAULT_LIMIT: i128 = 50;
const GREATEST_LIMIT: i128 = 100;

impl Asked<'_> {
    /// `GET /repository/NAMESPACE/NAME/tag/`: newest first, paged by offset.
    pub(super) fn tags(
        &self,
        viewer: &Viewer,
        namespace: &str,
        name: &str,
    ) -> Result<Answer, Refusal> {
        let home = self.readable(viewer, namespace, name)?;
        let help = "Limit to the number of results to return per page. Max 100.";
        let limit = self.integer("limit", DEFAULT_LIMIT, help)?;
        let help = "Page index for the results. Default 1.";
        let page = self.integer("page", 1, help)?.max(1);
        let limit = limit.clamp(1, GREATEST_LIMIT);
        // The database refuses an offset that it cannot count to.
        let number = |number: i128| i64::try_from(number).map_err(|_| Refusal::Failed);
        let offset = number((page - 1).saturating_mul(limit))?;
        let (page, wanted) = (number(page)?, number(limit + 1)?);
        let filter = Filter {
            alive_at: self.flag("onlyActiveTags", false).then_some(self.now),
            names: self.names()?,
        };
        let [offset, wanted] = [offset, wanted].map(i64::cast_unsigned);
        let mut rows = self.contents.rows(home, &filter, offset, wanted);
        let has_additional = rows.len() as u64 == wanted;
        rows.truncate(rows.len() - usize::from(has_additional));
        let rows: Vec<_> = rows.iter().map(tag_row).collect();
        let body = json!({ "tags": rows, "page": page, "has_additional": has_additional });
        Ok(Answer::json(200, "application/json", &body))
    }

    fn names(&self) -> Result<Names, Refusal> {
        if let Some(name) = self.parameter("specificTag") {
            return Ok(Names::Equal(name.to_owned()));
        }
        let Some(filter) = self.parameter("filter_tag_name") else {
            return Ok(Names::All);
        };
        match filter.split_once(':') {
            Some(("eq", name)) => Ok(Names::Equal(name.to_owned())),
            // A percent sign stands for anything.
            Some(("like", part)) => Ok(Names::Containing(part.replace('%', "").to_lowercase())),
            Some(_) => Ok(Names::All),
            None => Err(Refusal::message(
                400,
                "Unsupported syntax for filter_tag_name. Expected <operation>:<tag_name> where \
                 <operation>can be 'like' or 'eq'.",
            )),
        }
    }

    /// A number as Python reads it, which knows no end of them.
    fn integer(&self, name: &str, default: i128, help: &str) -> Result<i128, Refusal> {
        let Some(text) = self.parameter(name) else {
            return Ok(default);
        };
        let text = text.trim();
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Refusal::Message(400, json!({ name: help })));
        }
        let beyond = if text.starts_with('-') {
            i128::MIN
        } else {
            i128::MAX
        };
        Ok(text.parse().unwrap_or(beyond))
    }
}

fn tag_row(row: &Row<'_>) -> Value {
    let tag = &row.tag;
    let mut shown = json!({
        "name": tag.name,
        "reversion": tag.reversion,
        "start_ts": seconds(tag.start),
        "manifest_digest": tag.digest,
        "is_manifest_list": row.manifest.children().is_some(),
        "size": row.manifest.shown_size(),
        "last_modified": date(tag.start),
    });
    if let Some(end) = tag.end {
        shown["end_ts"] = json!(seconds(end));
        shown["expiration"] = json!(date(end));
    }
    if let Some(children) = row.manifest.children() {
        let present = children.iter().filter(|child| !child.missing).count();
        let presence = children.iter().map(|child| (&child.digest, !child.missing));
        shown["is_sparse"] = json!(present < children.len());
        shown["child_manifest_count"] = json!(children.len());
        shown["present_child_count"] = json!(present);
        shown["child_manifests_presence"] = json!(presence.collect::<BTreeMap<_, _>>());
    }
    shown
}

impl Manifest {
    /// The size as lists show it: an index has none, schema 1 does not know it.
    pub(super) fn shown_size(&self) -> Option<u64> {
        match self.content {
            Content::Index(_) => None,
            Content::SchemaOne => Some(0),
            Content::Image(_) => Some(self.size),
        }
    }
}
