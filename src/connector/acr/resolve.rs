use super::{
    api::Api,
    edition::{Edition, Repository},
    reading::{At, Next, RESTARTS, Reading},
};
use crate::{
    error::{Incompleteness, IntegrationError, Step, Violation},
    image::{Digest, Image},
};

/// The manifest of this digest, without its tags: no call finds a digest, so that it is looked for among
/// the repository's tags, of which only the first that leads to it is seen. None where no tag does.
pub(super) async fn by_digest(
    api: &Api,
    edition: &dyn Edition,
    repository: &Repository,
    digest: &Digest,
) -> Result<Option<Image>, IntegrationError> {
    let about = || api.connection.at(Step::Listing, repository.name.as_str());
    for _ in 0..=RESTARTS {
        let (mut reading, mut at) = (Reading::default(), At::FIRST);
        loop {
            let page = match edition.tags(api, repository, &at).await {
                Ok(page) => page,
                Err(IntegrationError::NamespaceNotFound { .. }) => return Ok(None),
                Err(error) => return Err(error),
            };
            let follows = reading.take(&at, &page, |row| row.tag.clone(), |row| row.tag.clone());
            for row in page.rows.into_iter().filter(|row| !row.is_leaving()) {
                let image = row.into_image(&repository.name).map_err(|source| {
                    IntegrationError::ProtocolViolation {
                        context: about(),
                        violation: Violation::Body,
                        source: Some(source),
                    }
                })?;
                if image.digest == *digest {
                    return Ok(Some(Image {
                        tags: Vec::new(),
                        ..image
                    }));
                }
            }
            match follows {
                Next::At(next) => at = next,
                Next::End => return Ok(None),
                Next::Restart => break,
            }
        }
    }
    Err(IntegrationError::IncompleteListing {
        context: about(),
        reason: Incompleteness::KeptChanging {
            attempts: RESTARTS + 1,
        },
    })
}
