use super::{
    ConfigErrors, ConfigProblem, IntegrationConfig, IntegrationConfigBuilder, acr::AcrDraft,
    fault::Faults, limits::LimitsDraft, namespace::NamespaceDraft, proxy::ProxyDraft,
    read::TableReader, schedule, selection, tls::TlsDraft, tree::Value,
};

const DOCUMENT: &str = "document";
pub(super) const INTEGRATIONS: &str = "integrations";
const TABLES: &str = "an array of tables, [[integrations]]";

/// A document of integrations.
///
/// ```
/// use registry_intake::config::Config;
///
/// let config = Config::from_toml(
///     r#"
///     [[integrations]]
///     name = "harbor-prod"
///     type = "harbor"
///     version = "V2"
///     domain = "harbor.example.com"
///     username = "admin"
///     password = { env = "HARBOR_PASSWORD" }
///     "#,
/// )?;
/// assert_eq!(config.integrations[0].endpoint().authority(), "harbor.example.com:443");
///
/// let errors = Config::from_toml("[[integration]]").unwrap_err();
/// assert!(errors.to_string().contains("perhaps integrations is meant"));
/// # Ok::<(), registry_intake::config::ConfigErrors>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// The integrations in the order of the document. Their names differ.
    pub integrations: Vec<IntegrationConfig>,
}

impl Config {
    /// Reads a TOML document with one `[[integrations]]` table for each registry.
    ///
    /// # Errors
    /// [`ConfigErrors`] with every fault of every integration, or with the place of the first
    /// error of syntax. It quotes no line of the document.
    pub fn from_toml(text: &str) -> Result<Self, ConfigErrors> {
        // The TOML crate's error shows the line that it is about, so only its place is kept.
        let value = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            syntax_error(text, start)
        })?;
        Self::read(value)
    }

    pub(super) fn read(document: Value) -> Result<Self, ConfigErrors> {
        let mut faults = Faults::default();
        let Value::Table(entries) = document else {
            let found = document.type_name();
            faults.push(DOCUMENT, ConfigProblem::WrongType { found }, "a table");
            return Err(faults.into_errors());
        };
        let mut reader = TableReader::new(entries, "", &mut faults);
        let items = match reader.take(INTEGRATIONS) {
            Some(Value::Array(items)) => Some(items),
            Some(other) => reader.wrong_type(INTEGRATIONS, &other, TABLES),
            None => None,
        };
        reader.finish();
        let none = items.as_ref().is_some_and(Vec::is_empty);
        faults.judge(INTEGRATIONS, none.then_some("is empty"), TABLES);
        let items = faults
            .required(INTEGRATIONS, items, TABLES)
            .unwrap_or_default();

        let names: Vec<_> = items.iter().map(name_of).collect();
        let mut integrations = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let mut own = Faults::of(names[index].as_deref(), Some(index + 1));
            let first = names[..index].iter().position(|name| *name == names[index]);
            if let (Some(first), Some(_)) = (first, &names[index]) {
                let problem = ConfigProblem::NotUnique { first: first + 1 };
                own.push("name", problem, "a name of its own");
            }
            match read_integration(item, own) {
                Ok(integration) => integrations.push(integration),
                Err(errors) => faults.append(errors),
            }
        }
        faults.into_result(Some(Self { integrations }))
    }
}

/// Reads an integration that stands in no document of integrations.
pub(super) fn read_alone(value: Value) -> Result<IntegrationConfig, ConfigErrors> {
    let faults = Faults::of(name_of(&value).as_deref(), None);
    read_integration(value, faults)
}

fn read_integration(value: Value, mut faults: Faults) -> Result<IntegrationConfig, ConfigErrors> {
    let Value::Table(entries) = value else {
        let found = value.type_name();
        faults.push("entry", ConfigProblem::WrongType { found }, "a table");
        return Err(faults.into_errors());
    };
    let mut reader = TableReader::new(entries, "", &mut faults);
    let mut draft = IntegrationConfigBuilder {
        name: reader.string("name"),
        registry_type: reader.choice("type"),
        version: reader.choice("version"),
        protocol: reader.choice("protocol"),
        network: reader.choice("network"),
        region_id: reader.string("region_id"),
        domain: reader.string("domain"),
        port: reader.integer("port"),
        ip: reader.ip("ip"),
        hosts: reader.addresses("hosts").unwrap_or_default(),
        hybrid: reader.boolean("hybrid"),
        speed_limit: reader.speed_limit("speed_limit"),
        username: reader.string("username"),
        required_role: reader.choice("required_role"),
        requests_in_flight: reader.integer("requests_in_flight"),
        realm_hosts: reader.strings("realm_hosts"),
        include_proxy_caches: reader.boolean("include_proxy_caches"),
        session: reader.choice("session"),
        acr: AcrDraft::read(&mut reader),
        schedule: schedule::read(&mut reader),
        ..IntegrationConfigBuilder::default()
    };
    if let Some((password, is_plain)) = reader.secret("password") {
        draft.password = Some(password);
        draft.password_is_plain = is_plain;
    }
    reader.table("selection", "selection.", |selection_table| {
        draft.selection = Some(selection::read(selection_table));
    });
    reader.tables("namespaces", |namespace| {
        let secret = namespace.secret("auth_token");
        let organization = namespace.string("organization");
        let (auth_token, token_is_plain) = secret.unzip();
        draft.namespaces.push(NamespaceDraft {
            organization,
            auth_token,
            token_is_plain: token_is_plain.unwrap_or_default(),
        });
    });
    reader.table("timeouts", "timeouts.", |timeouts| {
        draft.connect_timeout = timeouts.seconds("connect");
        draft.read_timeout = timeouts.seconds("read");
    });
    reader.table("limits", "limits.", |limits| {
        draft.limits = LimitsDraft::read(limits);
    });
    reader.table("tls", "tls.", |tls| draft.tls = TlsDraft::read(tls));
    draft.proxy = ProxyDraft::read(&mut reader);
    reader.finish();
    draft.check(faults)
}

/// The name that stands in an integration, whether or not it may.
fn name_of(integration: &Value) -> Option<String> {
    match integration {
        Value::Table(entries) => entries.iter().find_map(|(key, value)| match value {
            Value::String(name) if key == "name" => Some(name.clone()),
            _ => None,
        }),
        _ => None,
    }
}

fn syntax_error(text: &str, offset: usize) -> ConfigErrors {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let mut faults = Faults::default();
    let problem = ConfigProblem::Syntax {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    };
    faults.push(DOCUMENT, problem, "TOML");
    faults.into_errors()
}
