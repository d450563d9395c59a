//! How a command ends.

use std::{error::Error, io, process::ExitCode};

use registry_intake::{
    config::ConfigErrors,
    error::{ErrorCode, ErrorRecord, IntegrationError, Language},
    image::RegistryKind,
    intake::IntakeError,
    inventory::InventoryError,
    network::{address_pools::PoolError, forwarding::ForwardingError},
    sync::SyncError,
};
use serde::Serialize;

/// How a command ended that left its report, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    Done,
    /// What was read is not all that there is.
    Incomplete,
    Failed,
}

impl Verdict {
    /// The exit code of wrong usage.
    pub(crate) const USAGE: u8 = 2;
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        Self::from(match verdict {
            Verdict::Done => 0,
            Verdict::Incomplete => 3,
            Verdict::Failed => 1,
        })
    }
}

/// Why a command left no report.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments make no sense together.
    Usage(Usage),
    /// Nobody reads the output any more.
    Closed,
    /// Anything else.
    Error(Explained),
}

/// Why arguments make no sense.
#[derive(Debug)]
pub(crate) struct Usage {
    pub(crate) english: String,
    pub(crate) chinese: String,
}

impl Failure {
    pub(crate) fn usage(english: impl Into<String>, chinese: impl Into<String>) -> Self {
        Self::Usage(Usage {
            english: english.into(),
            chinese: chinese.into(),
        })
    }
}

/// An error as it is reported. JSON has it in English.
#[derive(Debug, Serialize)]
pub(crate) struct Explained {
    pub(crate) code: Option<ErrorCode>,
    #[serde(flatten)]
    pub(crate) words: Words,
    /// The same in Chinese, where somebody has said it in Chinese.
    #[serde(skip)]
    pub(crate) chinese: Option<Words>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Words {
    pub(crate) message: String,
    pub(crate) remedy: Option<String>,
}

impl Words {
    pub(crate) fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            remedy: Some(remedy.into()),
        }
    }
}

const CHINESE: Language = Language::SimplifiedChinese;

impl Explained {
    fn new(record: ErrorRecord, chinese: Words) -> Self {
        Self {
            code: Some(record.code),
            words: Words::new(record.message, record.remedy),
            chinese: Some(chinese),
        }
    }
}

/// What was stored tells its particulars in English alone.
impl From<ErrorRecord> for Explained {
    fn from(record: ErrorRecord) -> Self {
        let guidance = record.guidance(CHINESE);
        let meaning = guidance.message.trim_end_matches('。');
        let message = format!("{meaning}（{}）", record.message);
        Self::new(record, Words::new(message, guidance.remedy))
    }
}

impl From<&IntegrationError> for Explained {
    fn from(error: &IntegrationError) -> Self {
        let message = error.message_with_causes(CHINESE);
        let chinese = Words::new(message, error.remedy(CHINESE));
        Self::new(error.into(), chinese)
    }
}

impl From<&InventoryError> for Explained {
    fn from(error: &InventoryError) -> Self {
        let mut message = error.message(CHINESE);
        let mut source = error.source();
        while let Some(cause) = source {
            message += &format!("：{cause}");
            source = cause.source();
        }
        let chinese = Words::new(message, error.guidance(CHINESE).remedy);
        Self::new(error.into(), chinese)
    }
}

impl From<&SyncError> for Explained {
    fn from(error: &SyncError) -> Self {
        match error {
            SyncError::Refused(error) => error.into(),
            SyncError::Inventory(error) => error.into(),
            other => ErrorRecord::from(other).into(),
        }
    }
}

impl From<&ConfigErrors> for Explained {
    fn from(errors: &ConfigErrors) -> Self {
        let guidance = errors.code().guidance(RegistryKind::Other, CHINESE);
        let chinese = Words::new(errors.message(CHINESE), guidance.remedy);
        Self::new(errors.into(), chinese)
    }
}

macro_rules! explained {
    ($($error:ty),+) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Error(Explained::from(&error))
            }
        }
    )+};
}

explained!(ConfigErrors, IntegrationError, InventoryError, SyncError);

impl From<IntakeError> for Failure {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Config(error) => error.into(),
            IntakeError::Integration(error) => error.into(),
            IntakeError::Inventory(error) => error.into(),
            other => Self::usage(other.to_string(), format!("无法执行：{other}")),
        }
    }
}

/// What stands in the configuration or in the operator's own table keeps the answer away.
impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        let (english, chinese) = match error {
            PoolError::RegionMissing => (
                "Set region_id to the region in which the registry lies; `intake regions` has the ids.",
                "请将 region_id 设置为镜像仓库所在的地域；可用 `intake regions` 查看地域 ID。",
            ),
            PoolError::UnknownRegion { .. } | PoolError::NoAddresses { .. } => (
                "Correct the region, or give a table of your own by --pools.",
                "请更正地域，或用 --pools 提供自己的地址表。",
            ),
            _ => (
                "Correct the table of addresses; docs/example-contract.md has its form.",
                "请更正地址表；其格式见 docs/example-contract.md。",
            ),
        };
        let message = with_causes(&error);
        Self::Error(Explained {
            code: Some(ErrorCode::ConfigInvalid),
            words: Words::new(message.as_str(), english),
            chinese: Some(Words::new(message.as_str(), chinese)),
        })
    }
}

/// Asked for something that is not done: no registry is at fault.
impl From<ForwardingError> for Failure {
    fn from(error: ForwardingError) -> Self {
        let chinese = match &error {
            ForwardingError::Malformed { found } => Some(format!(
                "{found:?} 不是服务器地址：请填写 IP 地址，或“地址:端口”，IPv6 地址须加方括号"
            )),
            ForwardingError::AddressFamily {
                system,
                reached_over,
                server,
            } => Some(format!(
                "{system} 无法转发到 {server}：转发机通过 {reached_over} 访问，地址转换不能跨地址族；请使用 {reached_over} 的服务器地址，或使用 Windows 作为转发机"
            )),
            ForwardingError::Refused { server, .. } => Some(format!(
                "绝不会转发到 {server}：它是云元数据、链路本地、未指定或组播地址"
            )),
            ForwardingError::Loopback { server } => Some(format!(
                "{server} 就是转发机自身：防火墙不会转发到环回地址，镜像仓库可直接监听该端口"
            )),
            _ => None,
        };
        let words = |message| Words {
            message,
            remedy: None,
        };
        Self::Error(Explained {
            code: None,
            words: words(error.to_string()),
            chinese: chinese.map(words),
        })
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message.push_str(": ");
        message.push_str(error.to_string().trim_end());
        cause = error.source();
    }
    message
}

/// Of standard output or of the machine: no registry is at fault, so it has no code.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::Closed;
        }
        Self::Error(Explained {
            code: None,
            words: Words {
                message: error.to_string(),
                remedy: None,
            },
            chinese: None,
        })
    }
}
