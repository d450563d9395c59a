use std::fmt;

use serde::{Deserialize, Serialize};

use super::Language;
use crate::image::RegistryKind;

/// The steps of a verification, in their order. An error names the one that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Step {
    /// The configuration holds what a connection needs.
    Config,
    /// The domain name resolves.
    Dns,
    /// A TCP connection is accepted.
    Connect,
    /// The certificate is trusted and names the domain.
    Tls,
    /// The server is the configured product.
    Registry,
    /// Its version is the configured one.
    Version,
    /// The account is valid.
    Credentials,
    /// The account has the required role.
    Role,
    /// Images can be listed.
    Listing,
    /// Images can be pulled.
    Pull,
    /// The instance can be reached over the VPC.
    Vpc,
}

impl Step {
    /// Every step, in order.
    pub const ALL: &[Self] = &[
        Self::Config,
        Self::Dns,
        Self::Connect,
        Self::Tls,
        Self::Registry,
        Self::Version,
        Self::Credentials,
        Self::Role,
        Self::Listing,
        Self::Pull,
        Self::Vpc,
    ];

    /// What the step is called before an operator; in English as in reports.
    #[must_use]
    pub const fn name(self, language: Language) -> &'static str {
        let chinese = match self {
            Self::Config => "检查配置",
            Self::Dns => "解析域名",
            Self::Connect => "建立连接",
            Self::Tls => "校验证书",
            Self::Registry => "识别仓库",
            Self::Version => "核对版本",
            Self::Credentials => "验证凭据",
            Self::Role => "检查角色",
            Self::Listing => "列出镜像",
            Self::Pull => "拉取镜像",
            Self::Vpc => "专有网络",
        };
        language.choose(self.as_str(), chinese)
    }

    /// The step's name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Registry => "registry",
            Self::Version => "version",
            Self::Credentials => "credentials",
            Self::Role => "role",
            Self::Listing => "listing",
            Self::Pull => "pull",
            Self::Vpc => "vpc",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where an error happened. Holds nothing secret: paths stand here without their query.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorContext {
    /// The registry's kind, which chooses among the remedies.
    pub registry: RegistryKind,
    /// Host and port that were asked.
    pub host: String,
    /// What was being done.
    pub step: Step,
    /// What was asked for: the path of the request, a project, an organisation.
    pub subject: Option<String>,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// The id under which the server logged the request.
    pub request_id: Option<String>,
}

impl ErrorContext {
    /// A context without subject, status or request id.
    #[must_use]
    pub fn new(registry: RegistryKind, host: impl Into<String>, step: Step) -> Self {
        Self {
            registry,
            host: host.into(),
            step,
            subject: None,
            status: None,
            request_id: None,
        }
    }

    /// The same with what was asked for.
    #[must_use]
    pub fn with_subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }
}

impl fmt::Display for ErrorContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.step, self.host.escape_debug())?;
        if let Some(subject) = &self.subject {
            write!(f, ", {}", subject.escape_debug())?;
        }
        if let Some(status) = self.status {
            write!(f, ", HTTP {status}")?;
        }
        if let Some(id) = &self.request_id {
            write!(f, ", request {}", id.escape_debug())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::assert_translated;

    #[test]
    fn every_step_has_a_name_in_every_language() {
        for step in Step::ALL {
            assert_eq!(step.name(Language::English), step.as_str());
            assert_translated(step.as_str(), step.name(Language::SimplifiedChinese));
        }
    }
}
