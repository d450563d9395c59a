use std::fmt;

/// What is allowed but should be known: data for reports, never printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConfigWarning {
    /// `speed_limit = "unlimited"`.
    UnlimitedSpeed,
    /// `protocol = "http"` to another machine than this.
    CredentialsOverHttp,
    /// `network = "public"` with an address that the Internet does not route.
    PublicNetworkWithPrivateIp,
    /// No `region_id`.
    RegionMissing,
    /// `required_role = "list"`.
    ListRoleMaySeeAPart,
    /// The password stands in the configuration itself, or another secret.
    PlainTextPassword,
    /// `tls.insecure = true`.
    TlsInsecure,
}

impl ConfigWarning {
    /// The stable name of the warning, for reports and for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnlimitedSpeed => "unlimited_speed",
            Self::CredentialsOverHttp => "credentials_over_http",
            Self::PublicNetworkWithPrivateIp => "public_network_with_private_ip",
            Self::RegionMissing => "region_missing",
            Self::ListRoleMaySeeAPart => "list_role_may_see_a_part",
            Self::PlainTextPassword => "plain_text_password",
            Self::TlsInsecure => "tls_insecure",
        }
    }

    /// What it means and what to do, in English.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::UnlimitedSpeed => {
                "the speed is not limited: many images an hour may disturb the services that use the registry; set speed_limit to a number"
            }
            Self::CredentialsOverHttp => {
                "user name and password cross the network in the clear; set protocol = \"https\""
            }
            Self::PublicNetworkWithPrivateIp => {
                "the network is public but the address is private; set network = \"vpc\", or a public address"
            }
            Self::RegionMissing => {
                "without region_id it cannot be told which addresses the registry must let in"
            }
            Self::ListRoleMaySeeAPart => {
                "an account that is no administrator may see a part of the registry; what it does not see is not scanned"
            }
            Self::PlainTextPassword => {
                "the password stands in the configuration; use { env = \"NAME\" } or { file = \"PATH\" }"
            }
            Self::TlsInsecure => {
                "no certificate is verified, so that whoever is on the way can read and change everything, credentials included; set tls.ca_bundle to the registry's authority and tls.insecure = false"
            }
        }
    }
}

impl fmt::Display for ConfigWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}
