use std::{
    io,
    net::SocketAddr,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use registry_intake::{
    clock::SystemClock,
    config::{Protocol, SecretValue},
    connector::{
        Capabilities, Disposition, Listing, PullAccess, PullCredential, RegistryConnector,
        RequestCount, RunProof, ScopeEntry, ScopePage, Verification,
    },
    error::{ErrorContext, IntegrationError, NetworkPhase, Step, Violation},
    image::{
        Cursor, Entry, EntryPage, Image, ImageKind, Location, Next, Proof, RegistryKind, Scope,
        TagRecord,
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::registry::PASSWORD;

const USER: &str = "reader";

/// The connector: also the listing, since a run keeps nothing of its own but the count.
#[derive(Debug, Clone)]
pub(super) struct ShelfConnector {
    address: SocketAddr,
    host: String,
    refused: Arc<AtomicBool>,
    requests: RequestCount,
}

type Row = (u64, String, String, Vec<String>);

impl ShelfConnector {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            host: address.to_string(),
            refused: Arc::default(),
            requests: RequestCount::new(),
        }
    }

    fn at(&self, step: Step) -> Box<ErrorContext> {
        Box::new(ErrorContext::new(RegistryKind::Other, &self.host, step))
    }

    fn violation(&self, step: Step, violation: Violation) -> IntegrationError {
        IntegrationError::ProtocolViolation {
            context: self.at(step),
            violation,
            source: None,
        }
    }

    /// A page behind `after`; what may pass by itself is tried three times.
    async fn page(&self, step: Step, after: u64) -> Result<(Vec<Row>, u64), IntegrationError> {
        let mut answer = self.page_once(step, after).await;
        for _ in 0..2 {
            match &answer {
                Err(error) if error.is_retryable() => {}
                _ => break,
            }
            answer = self.page_once(step, after).await;
        }
        answer
    }

    async fn page_once(&self, step: Step, after: u64) -> Result<(Vec<Row>, u64), IntegrationError> {
        let context = self.at(step);
        if self.refused.load(Ordering::Relaxed) {
            return Err(IntegrationError::FailedToVerifyUsernameOrPwd {
                context,
                source: None,
            });
        }
        self.requests.add_one();
        let answered = tokio::time::timeout(Duration::from_millis(200), self.get(after)).await;
        let (status, head, body) =
            match answered.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                Ok(answer) => answer,
                Err(error) => {
                    return Err(IntegrationError::NetworkConnectError {
                        context,
                        phase: NetworkPhase::Interrupted,
                        sources: None,
                        source: Some(error.into()),
                    });
                }
            };
        let retry_after = None;
        match status {
            200 => {}
            401 => {
                let wrong = body == "wrong password";
                self.refused.fetch_or(wrong, Ordering::Relaxed);
                return Err(IntegrationError::FailedToVerifyUsernameOrPwd {
                    context,
                    source: None,
                });
            }
            429 => {
                return Err(IntegrationError::RateLimited {
                    context,
                    retry_after,
                });
            }
            500.. => {
                return Err(IntegrationError::RegistryUnavailable {
                    context,
                    retry_after,
                });
            }
            _ => return Err(self.violation(step, Violation::Status)),
        }
        let rows = serde_json::from_str(&body);
        let rows: Vec<Row> = rows.map_err(|_| self.violation(step, Violation::Body))?;
        let total = field(&head, "X-Total-Count");
        let total =
            total.ok_or_else(|| self.violation(step, Violation::Header("X-Total-Count")))?;
        Ok((rows, total))
    }

    async fn get(&self, after: u64) -> io::Result<(u16, String, String)> {
        let mut stream = TcpStream::connect(self.address).await?;
        let credentials = BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"));
        let request = format!(
            "GET /images?after={after} HTTP/1.1\r\nHost: {}\r\nAuthorization: Basic {credentials}\r\n\
             Connection: close\r\n\r\n",
            self.host
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .ok_or(io::ErrorKind::InvalidData)?;
        if field(head, "Content-Length") != Some(body.len() as u64) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let status = head
            .split_whitespace()
            .nth(1)
            .and_then(|status| status.parse().ok());
        let status = status.ok_or(io::ErrorKind::InvalidData)?;
        Ok((status, head.to_owned(), body.to_owned()))
    }

    fn entry(&self, (_, repository, digest, tags): Row) -> Option<Entry> {
        let tag = |name: String| {
            Some(TagRecord {
                name: name.parse().ok()?,
                pushed_at: None,
                expires_at: None,
            })
        };
        Some(Entry::Manifest(Image {
            repository: repository.parse().ok()?,
            digest: digest.parse().ok()?,
            tags: tags.into_iter().map(tag).collect::<Option<_>>()?,
            kind: ImageKind::Unknown,
            media_type: None,
            size: None,
            platforms: Vec::new(),
            pushed_at: None,
            pulled_at: None,
        }))
    }
}

fn field(head: &str, name: &str) -> Option<u64> {
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    let (_, value) = fields.find(|(field, _)| field.eq_ignore_ascii_case(name))?;
    value.parse().ok()
}

#[async_trait]
impl RegistryConnector for ShelfConnector {
    fn kind(&self) -> RegistryKind {
        RegistryKind::Other
    }

    fn host(&self) -> &str {
        &self.host
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            sync: true,
            scan: true,
            scopes_in_flight: NonZeroUsize::MIN,
        }
    }

    async fn verify(&self) -> Verification {
        let mut report = Verification::new(RegistryKind::Other, Vec::new());
        let asked = self.page(Step::Credentials, 0);
        let step = Step::Credentials;
        report
            .probe(&SystemClock::new(), step, &self.host, asked)
            .await;
        report.skip_the_rest(&self.host);
        report
    }

    async fn open_listing(
        &self,
        requests: &RequestCount,
    ) -> Result<Box<dyn Listing>, IntegrationError> {
        Ok(Box::new(Self {
            requests: requests.clone(),
            ..self.clone()
        }))
    }

    async fn pull_access(&self, location: &Location) -> Result<PullAccess, IntegrationError> {
        let credential = PullCredential::Basic {
            username: USER.to_owned(),
            password: SecretValue::new(PASSWORD),
        };
        let (port, location) = (self.address.port(), location.clone());
        let access = PullAccess::new(
            Protocol::Http,
            "shelf.example.com",
            port,
            location,
            credential,
        );
        Ok(access.with_dial(self.address.ip()))
    }
}

#[async_trait]
impl Listing for ShelfConnector {
    async fn scopes(&self, _after: Option<&Cursor>) -> Result<ScopePage, IntegrationError> {
        Ok(ScopePage {
            scopes: vec![ScopeEntry {
                scope: Scope::Registry,
                disposition: Disposition::Read,
            }],
            listed: None,
            next: None,
        })
    }

    async fn entries(
        &self,
        _scope: &Scope,
        after: Option<&Cursor>,
    ) -> Result<EntryPage, IntegrationError> {
        let is_wrong = |violation| self.violation(Step::Listing, violation);
        let after = after.map_or(Ok(0), |cursor| cursor.as_str().parse());
        let after = after.map_err(|_| is_wrong(Violation::Cursor))?;
        let (rows, total) = self.page(Step::Listing, after).await?;
        let ids = [after].into_iter().chain(rows.iter().map(|row| row.0));
        if !ids.clone().is_sorted_by(|one, next| one < next) {
            return Err(is_wrong(Violation::PagingLoop));
        }
        let next = match ids.last().filter(|last| *last > after) {
            Some(last) => Next::Page(Cursor::new(last.to_string())),
            None if total == 0 => Next::End,
            None => return Err(is_wrong(Violation::Header("X-Total-Count"))),
        };
        let entries = rows
            .into_iter()
            .map(|row| self.entry(row))
            .collect::<Option<_>>();
        Ok(EntryPage {
            entries: entries.ok_or_else(|| is_wrong(Violation::Body))?,
            settled: true,
            next,
        })
    }

    /// The list is refused as a whole or not at all, and ended where its total said so.
    async fn finish(self: Box<Self>) -> Result<RunProof, IntegrationError> {
        Ok(RunProof::new(Proof::Totals))
    }
}
