use super::{CaMode, ConfigProblem, Pem, Secret, TlsVersion, fault::Faults, read::TableReader};

const BUNDLE: &str = "certificates in PEM; required where ca_mode = \"replace\"";
const CERTIFICATE: &str = "a certificate in PEM; required beside client_key";
const KEY: &str = "{ file = \"PATH\" }, { env = \"NAME\" }, or the key in PEM; required beside client_certificate";

/// Whom an integration trusts over TLS, and how it shows who it is itself. It holds for the registry,
/// for token services, and for a proxy that is reached by https.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct TlsSettings {
    /// Authorities that are trusted.
    pub ca_bundle: Option<Pem>,
    /// Whether beside those of the operating system or in their place. By default beside.
    pub ca_mode: CaMode,
    /// The certificate that is shown where a server asks for one.
    pub client_identity: Option<ClientIdentity>,
    /// The oldest version of TLS that is spoken. By default 1.2.
    pub min_version: TlsVersion,
    /// Whether any certificate is taken, whoever shows it. Whoever is on the way can then read and change
    /// everything, credentials included. By default not.
    pub insecure: bool,
}

/// A certificate and its key.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClientIdentity {
    /// The certificate, and those between it and its authority.
    pub certificate: Pem,
    /// The private key in PEM.
    pub key: Secret,
}

impl ClientIdentity {
    /// A certificate and its key.
    #[must_use]
    pub const fn new(certificate: Pem, key: Secret) -> Self {
        Self { certificate, key }
    }
}

impl TlsSettings {
    /// Whether anything is set that a build without TLS cannot do.
    pub(crate) fn is_default(&self) -> bool {
        self.ca_bundle.is_none()
            && self.client_identity.is_none()
            && self.min_version == TlsVersion::default()
            && !self.insecure
    }
}

/// What stands in the configuration for [`TlsSettings`], before it is judged.
#[derive(Debug, Clone, Default)]
pub(super) struct TlsDraft {
    pub(super) ca_bundle: Option<Pem>,
    pub(super) ca_mode: Option<CaMode>,
    pub(super) client_certificate: Option<Pem>,
    pub(super) client_key: Option<Secret>,
    pub(super) key_is_plain: bool,
    pub(super) min_version: Option<TlsVersion>,
    pub(super) insecure: Option<bool>,
}

impl TlsDraft {
    pub(super) fn read(reader: &mut TableReader<'_>) -> Self {
        let (client_key, key_is_plain) = reader.secret("client_key").unzip();
        Self {
            ca_bundle: Pem::take(reader, "ca_bundle"),
            ca_mode: reader.choice("ca_mode"),
            client_certificate: Pem::take(reader, "client_certificate"),
            client_key,
            key_is_plain: key_is_plain.unwrap_or_default(),
            min_version: reader.choice("min_version"),
            insecure: reader.boolean("insecure"),
        }
    }

    pub(super) fn of(settings: &TlsSettings, is_plain: bool) -> Self {
        let identity = settings.client_identity.as_ref();
        Self {
            ca_bundle: settings.ca_bundle.clone(),
            ca_mode: Some(settings.ca_mode),
            client_certificate: identity.map(|identity| identity.certificate.clone()),
            client_key: identity.map(|identity| identity.key.clone()),
            key_is_plain: is_plain && identity.is_some(),
            min_version: Some(settings.min_version),
            insecure: Some(settings.insecure),
        }
    }

    pub(super) fn settings(self, faults: &mut Faults) -> TlsSettings {
        let ca_mode = self.ca_mode.unwrap_or_default();
        for (field, pem) in [
            ("tls.ca_bundle", &self.ca_bundle),
            ("tls.client_certificate", &self.client_certificate),
        ] {
            let flaw = pem.as_ref().and_then(Pem::flaw);
            faults.judge(field, flaw, Pem::FORMS);
        }
        if ca_mode == CaMode::Replace {
            faults.required("tls.ca_bundle", self.ca_bundle.as_ref(), BUNDLE);
        }
        if let Some(key) = &self.client_key {
            let flaw = key
                .flaw()
                .or_else(|| key.is_no_pem().then_some("holds no key in PEM"));
            if let Some(flaw) = flaw {
                faults.push("tls.client_key", ConfigProblem::Malformed { flaw }, KEY);
            }
        }
        let client_identity = match (self.client_certificate, self.client_key) {
            (Some(certificate), Some(key)) => Some(ClientIdentity { certificate, key }),
            (Some(_), None) => {
                faults.required::<()>("tls.client_key", None, KEY);
                None
            }
            (None, Some(_)) => {
                faults.required::<()>("tls.client_certificate", None, CERTIFICATE);
                None
            }
            (None, None) => None,
        };
        TlsSettings {
            ca_bundle: self.ca_bundle,
            ca_mode,
            client_identity,
            min_version: self.min_version.unwrap_or_default(),
            insecure: self.insecure.unwrap_or_default(),
        }
    }
}
