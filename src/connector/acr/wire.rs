//! What both editions answer, in the spelling of either.
//!
//! The Enterprise edition writes `TotalCount`, in places as a text; the Personal edition `total`, within
//! `data` or, by one documented sample, without it. Numbers and times are read as numbers or texts
//! everywhere, since samples and models disagree.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use super::{fault::violation, reading::Page};
use crate::{
    clock::Timestamp,
    error::{BoxError, IntegrationError, Violation},
    http::Answer,
    image::{Digest, Image, ImageKind, RepositoryName, TagRecord},
};

/// A list's page, as it is or within `data`.
#[derive(Debug, Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct ListWire<T> {
    data: Option<RowsWire<T>>,
    #[serde(flatten)]
    flat: RowsWire<T>,
}

#[derive(Debug, Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct RowsWire<T> {
    #[serde(
        alias = "Instances",
        alias = "Namespaces",
        alias = "namespaces",
        alias = "Repositories",
        alias = "repos",
        alias = "Images",
        alias = "tags",
        default,
        deserialize_with = "present"
    )]
    rows: Option<Option<Vec<T>>>,
    #[serde(alias = "TotalCount", default, deserialize_with = "number")]
    total: Option<i64>,
    #[serde(alias = "NextToken")]
    next_token: Option<String>,
}

/// The page that an answer is. A row that cannot be read is no reason to go on without it.
pub(super) fn page<T: DeserializeOwned>(answer: &Answer) -> Result<Page<T>, IntegrationError> {
    let ListWire { data, flat } = answer.json_of_any_type::<ListWire<T>>()?;
    let RowsWire {
        rows,
        total,
        next_token,
    } = data.unwrap_or(flat);
    // An empty list may be null, or left out beside its total. Without either this is another answer.
    let rows = match rows {
        Some(rows) => rows.unwrap_or_default(),
        None if total.is_some() => Vec::new(),
        None => return Err(unreadable(answer, None)),
    };
    Ok(Page {
        rows,
        total: total.and_then(|total| u64::try_from(total).ok()),
        next_token: next_token.filter(|token| !token.is_empty()),
    })
}

/// One thing, within `data` or as it is.
#[derive(Debug, Deserialize)]
struct DataWire<T> {
    data: T,
}

pub(super) fn one<T: DeserializeOwned>(answer: &Answer) -> Result<T, IntegrationError> {
    match answer.json_of_any_type::<DataWire<T>>() {
        Ok(DataWire { data }) => Ok(data),
        Err(_) => answer.json_of_any_type(),
    }
}

/// The body is not what the call promises.
pub(super) fn unreadable(answer: &Answer, source: Option<BoxError>) -> IntegrationError {
    violation(Box::new(answer.context()), Violation::Body, source)
}

/// A repository in a list.
#[derive(Debug, Deserialize)]
pub(super) struct RepositoryWire {
    /// A text in the Enterprise edition, a number in the other.
    #[serde(alias = "RepoId", alias = "repoId", default, deserialize_with = "text")]
    pub(super) id: Option<String>,
    #[serde(alias = "RepoName", alias = "repoName")]
    name: String,
    #[serde(alias = "RepoNamespaceName", alias = "repoNamespace")]
    namespace: String,
}

impl RepositoryWire {
    pub(super) fn path(&self) -> Result<RepositoryName, BoxError> {
        Ok(format!("{}/{}", self.namespace, self.name).parse()?)
    }
}

/// By which domains a repository of the Personal edition is pulled from.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct DomainsWire {
    pub(super) public: Option<String>,
    pub(super) vpc: Option<String>,
}

/// A namespace in a list.
#[derive(Debug, Deserialize)]
pub(super) struct NamespaceWire {
    #[serde(alias = "NamespaceName", alias = "namespace")]
    pub(super) name: String,
}

/// A tag, in a list or alone.
#[derive(Debug, Deserialize)]
pub(super) struct TagWire {
    #[serde(alias = "Tag")]
    pub(super) tag: String,
    #[serde(alias = "Digest")]
    pub(super) digest: Option<String>,
    /// In bytes.
    #[serde(
        alias = "ImageSize",
        alias = "imageSize",
        default,
        deserialize_with = "number"
    )]
    size: Option<i64>,
    /// `NORMAL`, or `DELETING`.
    #[serde(alias = "Status")]
    status: Option<String>,
    /// In milliseconds.
    #[serde(
        alias = "ImageUpdate",
        alias = "imageUpdate",
        default,
        deserialize_with = "number"
    )]
    updated: Option<i64>,
}

impl TagWire {
    /// Whether it is about to be gone, and may have no manifest any more.
    pub(super) fn is_leaving(&self) -> bool {
        self.status.as_deref() == Some("DELETING")
    }

    /// The manifest as this tag shows it. Nothing in the record tells an image from an index or a
    /// chart.
    pub(super) fn into_image(self, repository: &RepositoryName) -> Result<Image, BoxError> {
        let digest = self
            .digest
            .filter(|digest| !digest.is_empty())
            .ok_or("a tag without the digest of its manifest")?;
        let pushed_at = self.updated.and_then(milliseconds);
        Ok(Image {
            repository: repository.clone(),
            digest: digest_of(&digest)?,
            tags: vec![TagRecord {
                name: self.tag.parse()?,
                pushed_at,
                expires_at: None,
            }],
            kind: ImageKind::Unknown,
            media_type: None,
            size: self.size.and_then(|size| u64::try_from(size).ok()),
            platforms: Vec::new(),
            pushed_at,
            pulled_at: None,
        })
    }
}

/// The documented samples leave the algorithm out; whether the service does so is an open fact.
fn digest_of(text: &str) -> Result<Digest, BoxError> {
    if text.contains(':') {
        Ok(text.parse()?)
    } else {
        Ok(format!("sha256:{}", text.to_ascii_lowercase()).parse()?)
    }
}

pub(super) fn milliseconds(milliseconds: i64) -> Option<Timestamp> {
    // Zero stands for a time that nobody knows.
    (milliseconds > 0)
        .then(|| milliseconds.checked_mul(1_000_000))
        .flatten()
        .map(Timestamp::from_unix_nanos)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(i64),
    Text(String),
}

/// Null apart from a field that is missing, which is none.
fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// The value, or the default for null, which stands for nothing as well as a missing field does.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A whole number, as such or as a text. Null, and a text that is empty, are none.
pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(match Option::<NumberOrText>::deserialize(deserializer)? {
        Some(NumberOrText::Number(number)) => Some(number),
        Some(NumberOrText::Text(text)) if text.is_empty() => None,
        Some(NumberOrText::Text(text)) => {
            let number = text.trim().parse();
            Some(number.map_err(|_| serde::de::Error::custom("a number in a text"))?)
        }
        None => None,
    })
}

/// A text, also where it is written as a number.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Option::<NumberOrText>::deserialize(deserializer)? {
        Some(NumberOrText::Number(number)) => Some(number.to_string()),
        Some(NumberOrText::Text(text)) => Some(text),
        None => None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::Value;

    use super::*;

    const ANSWERS: &str =
        include_str!("../../../tests/recordings/acr/acr-constructed-responses.json");

    fn body(edition: &str, call: &str) -> Value {
        let answers: Value = serde_json::from_str(ANSWERS).unwrap();
        answers[edition][call]["body"].clone()
    }

    fn rows<T: DeserializeOwned>(body: Value) -> (Vec<T>, Option<i64>) {
        let ListWire::<T> { data, flat } = serde_json::from_value(body).unwrap();
        let rows = data.unwrap_or(flat);
        (rows.rows.flatten().unwrap(), rows.total)
    }

    #[test]
    fn the_lists_of_both_editions_are_read_within_data_and_without() {
        let personal = |call| body("personal_2016_06_07", call);
        let enterprise = |call| body("enterprise_2018_12_01", call);
        for body in [
            enterprise("ListRepository"),
            personal("GetRepoList"),
            personal("GetRepoList")["data"].clone(),
            personal("GetRepoListByNamespace"),
        ] {
            let (rows, total) = rows::<RepositoryWire>(body);
            assert_eq!(total, i64::try_from(rows.len()).ok());
            assert!(rows[0].path().unwrap().to_string().ends_with("/web"));
            assert!(rows[0].id.is_some());
        }
        for body in [
            enterprise("ListRepoTag"),
            personal("GetRepoTags"),
            personal("GetRepoTags")["data"].clone(),
        ] {
            let (rows, total) = rows::<TagWire>(body);
            assert_eq!(total, Some(2));
            let name = "team-a/web".parse().unwrap();
            let images = rows.into_iter().map(|row| row.into_image(&name).unwrap());
            let images: Vec<_> = images.collect();
            assert!(images[0].digest.as_str().starts_with("sha256:67bfbcc1"));
            assert_eq!(images[0].size, Some(27_107_966));
            assert!(images[0].pushed_at.is_some());
            assert_eq!(images[1].tags[0].name.as_str(), "latest");
        }
        let (rows, _) = rows::<NamespaceWire>(personal("GetNamespaceList"));
        assert_eq!(rows[0].name, "team-a");
    }

    #[test]
    fn numbers_and_times_are_read_as_numbers_and_as_texts() {
        let name = "a/b".parse().unwrap();
        let hex = "0f".repeat(32);
        for (time, digest) in [
            (serde_json::json!(1_572_875_608_000_i64), hex.clone()),
            (serde_json::json!("1572875608000"), format!("sha256:{hex}")),
            (serde_json::json!("1572875608000"), hex.to_uppercase()),
        ] {
            let row = serde_json::json!({"Tag": "v1", "Digest": digest, "ImageUpdate": time, "ImageSize": "7"});
            let row: TagWire = serde_json::from_value(row).unwrap();
            let image = row.into_image(&name).unwrap();
            assert_eq!(image.digest.as_str(), format!("sha256:{hex}"));
            assert_eq!(image.pushed_at.unwrap().to_string(), "2019-11-04T13:53:28Z");
            assert_eq!(image.size, Some(7));
        }
        let row = serde_json::json!({"Tag": "v1", "ImageUpdate": null, "Digest": ""});
        let row: TagWire = serde_json::from_value(row).unwrap();
        assert!(row.into_image(&name).is_err());
    }
}
