use std::fmt;

use crate::error::Language;

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
    /// Every warning.
    pub const ALL: &[Self] = &[
        Self::UnlimitedSpeed,
        Self::CredentialsOverHttp,
        Self::PublicNetworkWithPrivateIp,
        Self::RegionMissing,
        Self::ListRoleMaySeeAPart,
        Self::PlainTextPassword,
        Self::TlsInsecure,
    ];

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

    /// What it means and what to do.
    #[must_use]
    pub const fn message(self, language: Language) -> &'static str {
        match self {
            Self::UnlimitedSpeed => language.choose(
                "the speed is not limited: many images an hour may disturb the services that use the registry; set speed_limit to a number",
                "未限制接入速度：每小时接入大量镜像可能影响使用该镜像仓库的业务；请将 speed_limit 设置为具体数值",
            ),
            Self::CredentialsOverHttp => language.choose(
                "user name and password cross the network in the clear; set protocol = \"https\"",
                "用户名和密码将以明文在网络上传输；请设置 protocol = \"https\"",
            ),
            Self::PublicNetworkWithPrivateIp => language.choose(
                "the network is public but the address is private; set network = \"vpc\", or a public address",
                "网络类型为公网，而地址是私网地址；请设置 network = \"vpc\"，或改用公网地址",
            ),
            Self::RegionMissing => language.choose(
                "without region_id it cannot be told which addresses the registry must let in",
                "未设置 region_id，无法告知镜像仓库需要放行哪些地址",
            ),
            Self::ListRoleMaySeeAPart => language.choose(
                "an account that is no administrator may see a part of the registry; what it does not see is not scanned",
                "非管理员账号可能只能看到镜像仓库的一部分；看不到的内容不会被扫描",
            ),
            Self::PlainTextPassword => language.choose(
                "the password stands in the configuration; use { env = \"NAME\" } or { file = \"PATH\" }",
                "密码以明文写在配置中；请改用 { env = \"NAME\" } 或 { file = \"PATH\" }",
            ),
            Self::TlsInsecure => language.choose(
                "no certificate is verified, so that whoever is on the way can read and change everything, credentials included; set tls.ca_bundle to the registry's authority and tls.insecure = false",
                "不校验任何证书，途中任何人都能读取和篡改全部内容，包括凭据；请将 tls.ca_bundle 设置为镜像仓库的证书颁发机构，并设置 tls.insecure = false",
            ),
        }
    }
}

impl fmt::Display for ConfigWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message(Language::English))
    }
}
