use std::{borrow::Cow, fmt::Write as _};

use super::{
    AccountKind, ErrorContext, Incompleteness, IntegrationError, Language, NetworkPhase,
    RefusedAddress, TlsFault, Unsupported, Violation,
};

impl IntegrationError {
    /// What happened and where, without the causes. In English the error's own text.
    #[must_use]
    pub fn message(&self, language: Language) -> String {
        match language {
            Language::English => self.to_string(),
            Language::SimplifiedChinese => {
                format!("{}（{}）", what(self), place(self.context()))
            }
        }
    }

    /// The message and the causes behind it. What others have said (the system, a library, the
    /// registry) stays in their own words.
    #[must_use]
    pub fn message_with_causes(&self, language: Language) -> String {
        let mut text = self.message(language);
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text.push_str(language.choose(": ", "："));
            let _ = write!(text, "{cause}");
            source = cause.source();
        }
        text
    }
}

fn place(context: &ErrorContext) -> String {
    let mut text = format!(
        "步骤：{}，{}",
        context.step.name(Language::SimplifiedChinese),
        context.host.escape_debug()
    );
    if let Some(subject) = &context.subject {
        let _ = write!(text, "，{}", subject.escape_debug());
    }
    if let Some(status) = context.status {
        let _ = write!(text, "，HTTP {status}");
    }
    if let Some(id) = &context.request_id {
        let _ = write!(text, "，请求 ID {}", id.escape_debug());
    }
    text
}

fn what(error: &IntegrationError) -> Cow<'static, str> {
    match error {
        IntegrationError::FailedToVerifyUsernameOrPwd { .. } => "用户名或密码被拒绝".into(),
        IntegrationError::RegistryVersionError {
            configured, found, ..
        } => format!("配置的版本是 {configured}，而镜像仓库是 {found}").into(),
        IntegrationError::UserDoesNotHaveAdminRole { account, .. } => {
            let account = match account {
                AccountKind::User => "普通用户",
                AccountKind::Robot => "机器人账号",
            };
            format!("账号有效，但只是没有管理员权限的{account}").into()
        }
        IntegrationError::NetworkConnectError { phase, .. } => network_phase(*phase).into(),
        IntegrationError::ConfigInvalid { field, .. } => format!("配置项 {field} 无法使用").into(),
        IntegrationError::RegistryTypeError { .. } => "应答的服务不是所配置的镜像仓库".into(),
        IntegrationError::TlsVerificationFailed {
            fault, certificate, ..
        } => match certificate {
            Some(certificate) => format!(
                "{}：{}",
                tls_fault(*fault),
                certificate.told(Language::SimplifiedChinese)
            )
            .into(),
            None => tls_fault(*fault).into(),
        },
        IntegrationError::NamespaceNotFound { namespace, .. } => {
            format!("没有命名空间 {namespace:?}").into()
        }
        IntegrationError::TokenScopeMissing { scope, .. } => {
            format!("令牌缺少权限范围 {scope}").into()
        }
        IntegrationError::RamPermissionDenied { action, .. } => {
            format!("账号缺少权限 {action:?}").into()
        }
        IntegrationError::VpcAccessNotConfigured { .. } => "实例未配置专有网络（VPC）访问".into(),
        IntegrationError::ClockSkew { skew, .. } => {
            format!("本机与服务端的时钟相差 {skew:?}").into()
        }
        IntegrationError::WrongRegionOrEdition { .. } => "地域或版本与该实例不符".into(),
        IntegrationError::RateLimited { .. } => "镜像仓库限制了请求频率".into(),
        IntegrationError::RegistryUnavailable { .. } => "镜像仓库暂时无法提供服务".into(),
        IntegrationError::AddressRefused { address, rule, .. } => {
            format!("禁止访问地址 {address}：{}", refused_address(*rule)).into()
        }
        IntegrationError::ProtocolViolation { violation, .. } => violated(violation),
        IntegrationError::ScanNotSupported { .. } => "该镜像仓库的镜像只能列出，不能扫描".into(),
        IntegrationError::IncompleteListing { reason, .. } => {
            format!("清单不完整：{}", incompleteness(reason)).into()
        }
        IntegrationError::ImageNotFound {
            repository,
            reference,
            ..
        } => format!("仓库 {repository} 中没有 {reference}").into(),
        IntegrationError::NotSupported { what, .. } => {
            format!("不支持：{}", unsupported(*what)).into()
        }
    }
}

const fn network_phase(phase: NetworkPhase) -> &'static str {
    match phase {
        NetworkPhase::Dns => "域名无法解析",
        NetworkPhase::Refused => "连接被拒绝",
        NetworkPhase::Unreachable => "地址不可达",
        NetworkPhase::ConnectTimeout => "连接超时",
        NetworkPhase::HandshakeTimeout => "TLS 握手超时",
        NetworkPhase::ResponseTimeout => "等待应答超时",
        NetworkPhase::Interrupted => "连接中断",
    }
}

const fn tls_fault(fault: TlsFault) -> &'static str {
    match fault {
        TlsFault::UntrustedIssuer => "证书的签发者不受信任",
        TlsFault::WrongName => "证书属于其他名称",
        TlsFault::Expired => "证书不在有效期内",
        TlsFault::Handshake => "TLS 握手失败",
    }
}

const fn refused_address(rule: RefusedAddress) -> &'static str {
    match rule {
        RefusedAddress::Metadata => "云平台元数据服务",
        RefusedAddress::LinkLocal => "链路本地地址",
        RefusedAddress::Unspecified => "未指定地址",
        RefusedAddress::Multicast => "多播或广播地址",
        RefusedAddress::Loopback => "本机环回地址，不符合严格的出站策略",
        RefusedAddress::Private => "私网地址，不符合严格的出站策略",
        RefusedAddress::Denied => "出站策略所禁止的网段",
    }
}

fn violated(violation: &Violation) -> Cow<'static, str> {
    Cow::Borrowed(match violation {
        Violation::Status => "出现意料之外的状态码",
        Violation::ContentType => "应答正文不是 JSON",
        Violation::Body => "应答正文无法读取",
        Violation::TooLarge { limit } => return format!("应答正文超过 {limit} 字节").into(),
        Violation::Header(name) => return format!("缺少应答头 {name}，或其格式有误").into(),
        Violation::Cursor => "游标属于另一份清单",
        Violation::PagingLoop => "分页陷入重复",
        Violation::ForeignRedirect => "重定向离开了所配置的地址",
        Violation::Signature => "签名所对应的请求与服务端收到的请求不同",
        Violation::Downgrade => "本应通过 https 发送的内容将通过 http 发送",
        Violation::ForeignHost => "该主机不在 realm_hosts 中，不得接收凭据",
    })
}

fn incompleteness(reason: &Incompleteness) -> String {
    match reason {
        Incompleteness::TotalDiffers { what, total, seen } => {
            format!(
                "服务端统计有 {total} 个{}，却只列出 {seen} 个",
                counted(what)
            )
        }
        Incompleteness::ReadingsDiffer { what } => {
            format!("两次读取的{}列表不一致", counted(what))
        }
        Incompleteness::KeptChanging { attempts } => {
            format!("读取 {attempts} 次，列表每次都在变化")
        }
        Incompleteness::RowsMissing { missed } => format!("有 {missed} 行未被列出"),
        Incompleteness::ScopesSkipped { skipped } => format!("有 {skipped} 个范围无法读取"),
    }
}

/// What a listing counts. A connector outside this crate may count other things.
fn counted(what: &'static str) -> &'static str {
    match what {
        "projects" => "项目",
        "repositories" => "仓库",
        "projects and repositories" => "项目和仓库",
        other => other,
    }
}

const fn unsupported(what: Unsupported) -> &'static str {
    match what {
        Unsupported::Connector => "此版本没有该镜像仓库的连接器",
        Unsupported::PullToken => "无法获取从该镜像仓库拉取镜像的令牌",
        Unsupported::Resolving => "该连接器不能查询单个镜像",
        Unsupported::Tls => "构建时未启用特性 `rustls`",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{collections::BTreeSet, time::Duration};

    use super::*;
    use crate::{
        error::{ErrorCode, RegistryUserMissing, Step, assert_translated},
        image::{Reference, RegistryKind},
    };

    fn context() -> Box<ErrorContext> {
        let host = "harbor.example.com:443";
        Box::new(ErrorContext {
            subject: Some("/api/v2.0/projects".to_owned()),
            status: Some(401),
            request_id: Some("4f2a".to_owned()),
            ..ErrorContext::new(RegistryKind::HarborV2, host, Step::Listing)
        })
    }

    fn every_reason() -> Vec<IntegrationError> {
        let phases = [
            NetworkPhase::Dns,
            NetworkPhase::Refused,
            NetworkPhase::Unreachable,
            NetworkPhase::ConnectTimeout,
            NetworkPhase::HandshakeTimeout,
            NetworkPhase::ResponseTimeout,
            NetworkPhase::Interrupted,
        ];
        let faults = [
            TlsFault::UntrustedIssuer,
            TlsFault::WrongName,
            TlsFault::Expired,
            TlsFault::Handshake,
        ];
        let rules = [
            RefusedAddress::Metadata,
            RefusedAddress::LinkLocal,
            RefusedAddress::Unspecified,
            RefusedAddress::Multicast,
            RefusedAddress::Loopback,
            RefusedAddress::Private,
            RefusedAddress::Denied,
        ];
        let violations = [
            Violation::Status,
            Violation::ContentType,
            Violation::Body,
            Violation::TooLarge { limit: 8 },
            Violation::Header("X-Total-Count"),
            Violation::Cursor,
            Violation::PagingLoop,
            Violation::ForeignRedirect,
            Violation::Signature,
            Violation::Downgrade,
            Violation::ForeignHost,
        ];
        let what = "projects";
        let reasons = [
            Incompleteness::TotalDiffers {
                what,
                total: 2,
                seen: 1,
            },
            Incompleteness::ReadingsDiffer { what },
            Incompleteness::KeptChanging { attempts: 3 },
            Incompleteness::RowsMissing { missed: 1 },
            Incompleteness::ScopesSkipped { skipped: 1 },
        ];
        let unsupported = [
            Unsupported::Connector,
            Unsupported::PullToken,
            Unsupported::Resolving,
            Unsupported::Tls,
        ];
        let accounts = [AccountKind::User, AccountKind::Robot];
        let context = context();
        let mut errors = vec![
            IntegrationError::FailedToVerifyUsernameOrPwd {
                context: context.clone(),
                source: None,
            },
            IntegrationError::RegistryVersionError {
                context: context.clone(),
                configured: "V1",
                found: "2.15".to_owned(),
            },
            IntegrationError::ConfigInvalid {
                context: context.clone(),
                field: "password",
                source: "is missing".into(),
            },
            IntegrationError::RegistryTypeError {
                context: context.clone(),
            },
            IntegrationError::NamespaceNotFound {
                context: context.clone(),
                namespace: "team".to_owned(),
            },
            IntegrationError::TokenScopeMissing {
                context: context.clone(),
                scope: "org:admin",
            },
            IntegrationError::RamPermissionDenied {
                context: context.clone(),
                action: "cr:ListInstance".to_owned(),
            },
            IntegrationError::VpcAccessNotConfigured {
                context: context.clone(),
            },
            IntegrationError::ClockSkew {
                context: context.clone(),
                skew: Duration::from_secs(1000),
            },
            IntegrationError::WrongRegionOrEdition {
                context: context.clone(),
                right: None,
            },
            IntegrationError::RateLimited {
                context: context.clone(),
                retry_after: None,
            },
            IntegrationError::RegistryUnavailable {
                context: context.clone(),
                retry_after: None,
            },
            IntegrationError::ScanNotSupported {
                context: context.clone(),
            },
            IntegrationError::ImageNotFound {
                context: context.clone(),
                repository: "team/api".parse().unwrap(),
                reference: "1.0".parse::<Reference>().unwrap(),
            },
        ];
        let of = || context.clone();
        errors.extend(
            accounts.map(|account| IntegrationError::UserDoesNotHaveAdminRole {
                context: of(),
                account,
            }),
        );
        errors.extend(phases.map(|phase| IntegrationError::NetworkConnectError {
            context: of(),
            phase,
            sources: None,
            source: None,
        }));
        errors.extend(faults.map(|fault| IntegrationError::TlsVerificationFailed {
            context: of(),
            fault,
            certificate: None,
            source: None,
        }));
        errors.extend(rules.map(|rule| IntegrationError::AddressRefused {
            context: of(),
            address: [169, 254, 0, 1].into(),
            rule,
        }));
        errors.extend(
            violations.map(|violation| IntegrationError::ProtocolViolation {
                context: of(),
                violation,
                source: None,
            }),
        );
        errors.extend(reasons.map(|reason| IntegrationError::IncompleteListing {
            context: of(),
            reason,
        }));
        errors.extend(unsupported.map(|what| IntegrationError::NotSupported {
            context: of(),
            what,
        }));
        errors
    }

    #[test]
    fn every_error_says_in_chinese_what_it_says_in_english() {
        let mut told = BTreeSet::new();
        let errors = every_reason();
        for error in &errors {
            let chinese = error.message(Language::SimplifiedChinese);
            let (what, place) = chinese.rsplit_once("（步骤：").unwrap();
            assert_translated(&error.message(Language::English), what);
            assert_eq!(
                place,
                "列出镜像，harbor.example.com:443，/api/v2.0/projects，HTTP 401，请求 ID 4f2a）"
            );
            told.insert(chinese);
        }
        assert_eq!(told.len(), errors.len(), "two errors say the same");
        let codes: BTreeSet<_> = errors.iter().map(IntegrationError::code).collect();
        // The others are of sinks and inventories.
        let of_registries = ErrorCode::ALL.len() - 4;
        assert_eq!(codes.len(), of_registries);
    }

    #[test]
    fn the_registrys_own_words_are_kept_as_causes() {
        let error = IntegrationError::FailedToVerifyUsernameOrPwd {
            context: context(),
            source: Some(Box::new(RegistryUserMissing)),
        };
        for language in Language::ALL {
            let text = error.message_with_causes(*language);
            assert!(text.contains("USER_NOT_EXIST"), "{text}");
        }
    }

    #[test]
    fn what_would_steer_a_terminal_is_escaped_in_every_language() {
        let host = "harbor\u{1b}[2J.example.com";
        let error = IntegrationError::RegistryTypeError {
            context: Box::new(ErrorContext::new(RegistryKind::Quay, host, Step::Registry)),
        };
        for language in Language::ALL {
            assert!(!error.message(*language).contains('\u{1b}'));
        }
    }
}
