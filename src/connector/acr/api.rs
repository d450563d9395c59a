use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    connection::Connection,
    credentials::AccessKey,
    fault::{self, Class, Told},
    reading::At,
    signature::query,
    signer::Signer,
};
use crate::{
    error::{ErrorCode, ErrorContext, IntegrationError, Step, Violation},
    http::{Account, Answer, Patience, RequestCount},
};

/// The largest page that is known to be served. What a server makes of it is told by its rows.
const LARGEST_PAGE: &str = "100";
/// The size that both editions' lists have unless asked.
const DEFAULT_PAGE: &str = "30";

/// The version of the API and its style.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// 2018-12-01: everything in the query, by POST.
    Rpc,
    /// 2016-06-07: a path for each thing, by GET.
    Roa,
}

impl Style {
    const fn version(self) -> &'static str {
        match self {
            Self::Rpc => "2018-12-01",
            Self::Roa => "2016-06-07",
        }
    }
}

/// One call. All that are made here only read.
#[derive(Debug, Clone)]
pub(super) struct Call<'a> {
    pub(super) action: &'static str,
    pub(super) style: Style,
    /// Its segments encoded already; `/` for RPC.
    pub(super) path: String,
    pub(super) query: Vec<(&'static str, &'a str)>,
    /// The one RPC call that is a GET.
    pub(super) is_get: bool,
    pub(super) step: Step,
    /// What it is about, where an error shall say more than the action.
    pub(super) subject: Option<String>,
}

impl<'a> Call<'a> {
    pub(super) fn rpc(action: &'static str, step: Step) -> Self {
        Self {
            action,
            style: Style::Rpc,
            path: "/".to_owned(),
            query: Vec::new(),
            is_get: false,
            step,
            subject: None,
        }
    }

    pub(super) fn roa(action: &'static str, step: Step, path: String) -> Self {
        Self {
            style: Style::Roa,
            path,
            is_get: true,
            ..Self::rpc(action, step)
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: &'a str) -> Self {
        self.query.push((name, value));
        self
    }

    pub(super) fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// The right that the call takes, where the answer does not name it.
    pub(super) fn permission(&self) -> String {
        let right = match self.action {
            "ListRepoTag" | "GetRepoTag" | "GetRepoTags" => "ListRepositoryTag",
            "GetRepoList" | "GetRepoListByNamespace" => "ListRepository",
            "GetRepo" => "GetRepository",
            "GetNamespaceList" => "ListNamespace",
            action => action,
        };
        format!("cr:{right}")
    }
}

/// The API as one run uses it: a key that was refused is not sent again in the same run.
#[derive(Debug)]
pub(super) struct Api {
    pub(super) connection: Arc<Connection>,
    requests: RequestCount,
    patience: Patience,
    account: Mutex<Option<(String, Account)>>,
    /// The calls whose lists come in no larger pages than the default here.
    paged_by_default: Mutex<HashSet<&'static str>>,
}

impl Api {
    pub(super) fn new(
        connection: &Arc<Connection>,
        requests: &RequestCount,
        patience: Patience,
    ) -> Self {
        connection.keys.look_again();
        Self {
            connection: Arc::clone(connection),
            requests: requests.clone(),
            patience,
            account: Mutex::default(),
            paged_by_default: Mutex::default(),
        }
    }

    /// The answer to a call that succeeded by its code.
    pub(super) async fn ask(&self, call: &Call<'_>) -> Result<Answer, IntegrationError> {
        self.attempt(call).await?.map_err(|(_, error)| error)
    }

    /// The answer to the call for a page, which `of_size` makes. Of some lists the largest page is an
    /// open fact: one that is refused its first page so is asked for by the default size.
    pub(super) async fn ask_for_page<'c>(
        &self,
        at: &At,
        of_size: impl Fn(&'static str) -> Call<'c>,
    ) -> Result<Answer, IntegrationError> {
        let call = of_size(LARGEST_PAGE);
        if self.paged_by_default().contains(call.action) {
            return self.ask(&of_size(DEFAULT_PAGE)).await;
        }
        let refusal = match self.attempt(&call).await? {
            Ok(answer) => return Ok(answer),
            Err((Class::BadParameter, error)) if *at == At::FIRST => error,
            Err((_, error)) => return Err(error),
        };
        match self.attempt(&of_size(DEFAULT_PAGE)).await? {
            Ok(answer) => {
                self.paged_by_default().insert(call.action);
                Ok(answer)
            }
            Err((Class::BadParameter, _)) => Err(refusal),
            Err((_, error)) => Err(error),
        }
    }

    fn paged_by_default(&self) -> MutexGuard<'_, HashSet<&'static str>> {
        let calls = self.paged_by_default.lock();
        calls.unwrap_or_else(PoisonError::into_inner)
    }

    /// What is answered to a call of which a refusal is an answer: by its class.
    pub(super) async fn attempt(
        &self,
        call: &Call<'_>,
    ) -> Result<Result<Answer, (Class, IntegrationError)>, IntegrationError> {
        let answer = self.answer(call).await?;
        let told = Told::of(&answer);
        let failed = match &told {
            Some(told) => told.is_failure(answer.status()),
            None => answer.status() != 200,
        };
        if failed {
            let clock = &**self.connection.client.clock();
            let class = told.as_ref().map_or(Class::Other, Told::class);
            let error = fault::error(&answer, told.as_ref(), call, clock);
            return Ok(Err((class, error)));
        }
        Ok(Ok(answer))
    }

    /// Whether this API answers at all, and what it says to the key.
    pub(super) async fn recognise(
        &self,
        call: &Call<'_>,
    ) -> Result<Result<(), IntegrationError>, IntegrationError> {
        let another = |context: Box<ErrorContext>| IntegrationError::RegistryTypeError { context };
        match self.ask(call).await {
            Ok(answer) if Told::of(&answer).is_some() => Ok(Ok(())),
            Ok(answer) => Err(another(Box::new(answer.context()))),
            Err(IntegrationError::ProtocolViolation {
                context,
                violation: Violation::Status | Violation::Body,
                source: None,
            }) => Err(another(context)),
            Err(
                error @ (IntegrationError::FailedToVerifyUsernameOrPwd { .. }
                | IntegrationError::RamPermissionDenied { .. }
                | IntegrationError::ClockSkew { .. }
                | IntegrationError::WrongRegionOrEdition { .. }
                | IntegrationError::ProtocolViolation { .. }),
            ) => Ok(Err(error)),
            Err(error) => Err(error),
        }
    }

    /// The answer, whatever it says save what ends every attempt.
    async fn answer(&self, call: &Call<'_>) -> Result<Answer, IntegrationError> {
        let keys = &self.connection.keys;
        let key = keys.current().await?;
        let refused = match self.send(call, &key).await {
            // A temporary key that ended early is refused like one that never was.
            Err(error)
                if error.code() == ErrorCode::FailedToVerifyUsernameOrPwd
                    && key.security_token.is_some() =>
            {
                error
            }
            outcome => return outcome,
        };
        match keys.after(&key).await {
            Some(newer) => self.send(call, &newer).await,
            None => Err(refused),
        }
    }

    async fn send(
        &self,
        call: &Call<'_>,
        key: &Arc<AccessKey>,
    ) -> Result<Answer, IntegrationError> {
        let connection = &self.connection;
        let client = &connection.client;
        let mut url = client.origin().clone();
        url.set_path(&call.path);
        if !call.query.is_empty() {
            url.set_query(Some(&query(&call.query)));
        }
        let signer = Signer {
            key: Arc::clone(key),
            action: call.action,
            version: call.style.version(),
            clock: Arc::clone(client.clock()),
            nonce: Arc::clone(&connection.nonce),
        };
        let request = if call.is_get {
            client.get(call.step, url)
        } else {
            client.post(call.step, url).reading()
        };
        let subject = match &call.subject {
            Some(subject) => format!("{} {subject}", call.action),
            None => call.action.to_owned(),
        };
        request
            .account(&self.account_of(key))
            .signed(Arc::new(signer))
            .within(connection.budget(key))
            .about(subject)
            .counted(&self.requests)
            .patience(self.patience)
            .send()
            .await
    }

    /// The account of this key, gate included.
    fn account_of(&self, key: &AccessKey) -> Account {
        let mut known = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some((id, account)) if *id == key.id => account.clone(),
            _ => {
                let account = Account::signed();
                *known = Some((key.id.clone(), account.clone()));
                account
            }
        }
    }
}
