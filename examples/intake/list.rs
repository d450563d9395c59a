//! `list`: every image, straight from the registry.

use std::io::{self, Write};

use futures_util::StreamExt;
use registry_intake::{
    config::IntegrationConfig,
    connector::{
        ConnectContext, ListingEvent, RequestCount, RunProof, connect_within, list as listing,
    },
    error::{ErrorCode, IntegrationError, Language},
    image::{Proof, Scope},
};
use serde::Serialize;

use crate::{
    arguments::{Arguments, Name},
    failure::{Explained, Failure, Verdict},
    output::{Output, Report},
    records::ImageRecord,
    selection,
};

pub(crate) async fn list(
    arguments: &Arguments,
    name: &Name,
    output: &Output,
) -> Result<Verdict, Failure> {
    let integrations = selection::configured(arguments, name)?;
    let connections = ConnectContext::new();
    selection::in_order(&integrations, output, async |config| {
        list_one(config, &connections, output).await
    })
    .await
}

async fn list_one(
    config: &IntegrationConfig,
    connections: &ConnectContext,
    output: &Output,
) -> Result<Verdict, Failure> {
    let mut run = Run {
        integration: config.name(),
        connections,
        output,
        requests: RequestCount::new(),
        images: 0,
    };
    output.spin();
    let ended = run.read(config).await;
    output.at_rest();
    run.end(ended?)
}

/// The proof of a listing, or the error that ended it.
type Ended = Result<RunProof, IntegrationError>;

struct Run<'a> {
    integration: &'a str,
    connections: &'a ConnectContext,
    output: &'a Output,
    requests: RequestCount,
    images: u64,
}

impl Run<'_> {
    /// Tells every event. How the registry ended the listing is no failure of the command.
    async fn read(&mut self, config: &IntegrationConfig) -> Result<Option<Ended>, Failure> {
        let connector = match connect_within(config, self.connections) {
            Ok(connector) => connector,
            Err(error) => return Ok(Some(Err(error))),
        };
        let mut events = listing(connector, self.requests.clone());
        while let Some(event) = events.next().await {
            match event {
                Ok(ListingEvent::Finished(proof)) => return Ok(Some(Ok(proof))),
                Ok(event) => self.tell(&event)?,
                Err(error) => return Ok(Some(Err(error))),
            }
            let (name, images, requests) = (self.integration, self.images, self.requests.get());
            self.output
                .progress(|| format!("{name}: {images} images, {requests} requests"));
        }
        Ok(None)
    }

    fn tell(&mut self, event: &ListingEvent) -> Result<(), Failure> {
        let integration = self.integration;
        match event {
            ListingEvent::Page { images, .. } => {
                for image in images {
                    self.images += 1;
                    self.output.report(&Event::Image {
                        integration,
                        image: ImageRecord::from(image),
                    })?;
                }
                Ok(())
            }
            ListingEvent::Listed(scope) => {
                let scope = ScopeRecord::from(scope);
                self.output
                    .report(&Event::ScopeListed { integration, scope })
            }
            ListingEvent::Excluded(scope, reason) => self.output.report(&Event::ScopeExcluded {
                integration,
                scope: ScopeRecord::from(scope),
                reason: reason.as_str(),
            }),
            ListingEvent::Skipped(scope, error) => self.output.report(&Event::ScopeSkipped {
                integration,
                scope: ScopeRecord::from(scope),
                error: error.into(),
                language: self.output.language(),
            }),
            _ => Ok(()),
        }
    }

    fn end(&self, ended: Option<Ended>) -> Result<Verdict, Failure> {
        let proof = ended.as_ref().and_then(|ended| ended.as_ref().ok());
        let complete = proof.is_some_and(RunProof::is_complete);
        let code = match &ended {
            Some(Err(error)) => Some(error.code()),
            _ if complete => None,
            _ => Some(ErrorCode::IncompleteListing),
        };
        self.output.report(&Event::End {
            integration: self.integration,
            complete,
            proof: proof.and_then(|proof| proof.proof),
            images: self.images,
            requests: self.requests.get(),
            code,
        })?;
        if let Some(Err(error)) = &ended {
            self.output.error(Some(self.integration), &error.into());
        }
        Ok(if complete {
            Verdict::Done
        } else {
            Verdict::Incomplete
        })
    }
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event<'a> {
    Image {
        integration: &'a str,
        #[serde(flatten)]
        image: ImageRecord<'a>,
    },
    ScopeListed {
        integration: &'a str,
        #[serde(flatten)]
        scope: ScopeRecord<'a>,
    },
    ScopeExcluded {
        integration: &'a str,
        #[serde(flatten)]
        scope: ScopeRecord<'a>,
        reason: &'static str,
    },
    ScopeSkipped {
        integration: &'a str,
        #[serde(flatten)]
        scope: ScopeRecord<'a>,
        #[serde(flatten)]
        error: Explained,
        #[serde(skip)]
        language: Language,
    },
    End {
        integration: &'a str,
        complete: bool,
        proof: Option<Proof>,
        images: u64,
        requests: u64,
        code: Option<ErrorCode>,
    },
}

#[derive(Serialize)]
struct ScopeRecord<'a> {
    scope: &'static str,
    name: Option<&'a str>,
}

impl<'a> From<&'a Scope> for ScopeRecord<'a> {
    fn from(scope: &'a Scope) -> Self {
        let (scope, name) = match scope {
            Scope::Namespace(name) => ("namespace", Some(name.as_str())),
            Scope::Repository(name) => ("repository", Some(name.as_str())),
            _ => ("registry", None),
        };
        Self { scope, name }
    }
}

impl Report for Event<'_> {
    fn text(&self, to: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Event::Image { image, .. } => image.text(to),
            Event::ScopeListed { .. } => Ok(()),
            Event::ScopeExcluded { scope, reason, .. } => {
                writeln!(to, "left out: {} ({reason})", scope.text())
            }
            Event::ScopeSkipped {
                scope,
                error,
                language,
                ..
            } => {
                let code = error.code.map_or("", ErrorCode::as_str);
                let (left, words, colon, remedy) = match (language, &error.chinese) {
                    (Language::SimplifiedChinese, Some(words)) => {
                        ("未能读取：", words, "：", "处理办法：")
                    }
                    _ => ("not read: ", &error.words, ": ", "What to do: "),
                };
                let message = &words.message;
                writeln!(to, "{left}{} [{code}]{colon}{message}", scope.text())?;
                match &words.remedy {
                    Some(text) => writeln!(to, "  {remedy}{text}"),
                    None => Ok(()),
                }
            }
            Event::End {
                integration,
                complete,
                proof,
                images,
                requests,
                ..
            } => {
                let word = if *complete {
                    "complete"
                } else {
                    "not complete"
                };
                write!(to, "{integration}: {word}")?;
                if let Some(proof) = proof {
                    write!(to, ", proved by {}", proof.as_str())?;
                }
                writeln!(to, ": {images} images, {requests} requests")
            }
        }
    }
}

impl ScopeRecord<'_> {
    fn text(&self) -> String {
        match self.name {
            Some(name) => format!("{} {}", self.scope, name),
            None => format!("the {}", self.scope),
        }
    }
}
