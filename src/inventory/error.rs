use crate::{
    clock::Timestamp,
    error::{BoxError, Case, ErrorCode, ErrorRecord, Guidance, Language},
    image::RegistryKind,
};

/// What an inventory can do wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InventoryError {
    /// The store failed.
    #[error("the inventory's store failed")]
    Unavailable {
        /// What the store said.
        source: BoxError,
    },
    /// The store was written by a newer version of the crate.
    #[error("the inventory has schema {found}; this version knows {known}")]
    SchemaTooNew {
        /// The schema found.
        found: i64,
        /// The newest that this version knows.
        known: i64,
    },
    /// The name belongs to another registry.
    #[error("the integration {integration:?} is bound to {bound}, not to {asked}")]
    IntegrationRebound {
        /// The integration's name.
        integration: String,
        /// The registry it is bound to.
        bound: String,
        /// The registry that was asked for.
        asked: String,
    },
    /// Nothing is bound to the name.
    #[error("the inventory knows no integration {integration:?}")]
    UnknownIntegration {
        /// The integration's name.
        integration: String,
    },
    /// Another process is at work on a run of the integration.
    #[error("a run of {integration:?} is in progress, its lease good until {until}")]
    RunInProgress {
        /// The integration's name.
        integration: String,
        /// When its lease ends unless it shows a sign of life.
        until: Timestamp,
    },
    /// A later run of the same integration has begun, or another process has taken this one over.
    #[error("another process has begun or taken over a run of {integration:?}")]
    RunSuperseded {
        /// The integration's name.
        integration: String,
    },
    /// The address or an option of the inventory makes no sense. Not shown, since an address may
    /// hold a password.
    #[error("the inventory's address cannot be used")]
    InvalidAddress {
        /// What is wrong with it.
        source: BoxError,
    },
    /// The crate was built without the kind of inventory that the address names.
    #[error("this build has no such inventory: the crate's feature {feature:?} is not enabled")]
    FeatureMissing {
        /// The feature to enable.
        feature: &'static str,
    },
    /// The lease has ended or passed on to another claim.
    #[error("the lease on {digest} has ended")]
    LeaseLost {
        /// The image that was claimed.
        digest: String,
    },
}

impl InventoryError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::SchemaTooNew { .. } => ErrorCode::InventorySchemaTooNew,
            Self::IntegrationRebound { .. } => ErrorCode::IntegrationRebound,
            Self::InvalidAddress { .. } => ErrorCode::ConfigInvalid,
            Self::FeatureMissing { .. } => ErrorCode::NotSupported,
            _ => ErrorCode::InventoryUnavailable,
        }
    }

    /// What the error means and what to do about it.
    #[must_use]
    pub const fn guidance(&self, language: Language) -> Guidance {
        let case = match self {
            Self::UnknownIntegration { .. } => Case::UnknownIntegration,
            Self::RunInProgress { .. } => Case::RunInProgress,
            Self::RunSuperseded { .. } => Case::RunSuperseded,
            Self::LeaseLost { .. } => Case::LeaseLost,
            Self::InvalidAddress { .. } => Case::InvalidInventoryAddress,
            Self::Unavailable { .. }
            | Self::SchemaTooNew { .. }
            | Self::IntegrationRebound { .. }
            | Self::FeatureMissing { .. } => {
                // What is said of the inventory's codes is the same for every registry.
                return self.code().guidance(RegistryKind::HarborV2, language);
            }
        };
        case.guidance(language)
    }

    /// What happened, without the causes. In English the error's own text.
    #[must_use]
    pub fn message(&self, language: Language) -> String {
        match language {
            Language::English => self.to_string(),
            Language::SimplifiedChinese => self.chinese(),
        }
    }

    fn chinese(&self) -> String {
        match self {
            Self::Unavailable { .. } => "镜像清单的存储出现故障".to_owned(),
            Self::SchemaTooNew { found, known } => {
                format!("镜像清单的结构版本为 {found}，当前程序只支持到 {known}")
            }
            Self::IntegrationRebound {
                integration,
                bound,
                asked,
            } => format!("集成 {integration:?} 已绑定到 {bound}，而不是 {asked}"),
            Self::UnknownIntegration { integration } => {
                format!("镜像清单中没有集成 {integration:?}")
            }
            Self::RunInProgress { integration, until } => {
                format!("集成 {integration:?} 的一次运行正在进行，其租约有效期至 {until}")
            }
            Self::RunSuperseded { integration } => {
                format!("另一个进程已开始或接管集成 {integration:?} 的运行")
            }
            Self::InvalidAddress { .. } => "镜像清单的地址无法使用".to_owned(),
            Self::FeatureMissing { feature } => {
                format!("此构建不支持这种镜像清单：未启用特性 {feature:?}")
            }
            Self::LeaseLost { digest } => format!("{digest} 的租约已结束"),
        }
    }
}

impl From<&InventoryError> for ErrorRecord {
    fn from(error: &InventoryError) -> Self {
        Self::new(error.code(), error, &error.guidance(Language::English))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::assert_translated;

    #[test]
    fn an_error_that_is_no_fault_of_the_store_does_not_send_anybody_to_its_disk() {
        let integration = || "harbor-prod".to_owned();
        for (error, said) in [
            (
                InventoryError::RunSuperseded {
                    integration: integration(),
                },
                "Nothing has to be done",
            ),
            (
                InventoryError::RunInProgress {
                    integration: integration(),
                    until: Timestamp::UNIX_EPOCH,
                },
                "Nothing has to be done",
            ),
            (
                InventoryError::UnknownIntegration {
                    integration: integration(),
                },
                "Sync the integration first",
            ),
            (
                InventoryError::LeaseLost {
                    digest: "sha256:00".to_owned(),
                },
                "Nothing has to be done",
            ),
            (
                InventoryError::Unavailable {
                    source: "no such file".into(),
                },
                "the disk is not full",
            ),
        ] {
            let record = ErrorRecord::from(&error);
            assert_eq!(record.code, ErrorCode::InventoryUnavailable);
            assert!(record.remedy.contains(said), "{record:?}");
        }
    }
    #[test]
    fn every_error_is_told_in_chinese() {
        let integration = || "harbor-prod".to_owned();
        for error in [
            InventoryError::Unavailable {
                source: "no such file".into(),
            },
            InventoryError::SchemaTooNew { found: 3, known: 2 },
            InventoryError::IntegrationRebound {
                integration: integration(),
                bound: "harbor.example.com:443".to_owned(),
                asked: "harbor.example.org:443".to_owned(),
            },
            InventoryError::UnknownIntegration {
                integration: integration(),
            },
            InventoryError::RunInProgress {
                integration: integration(),
                until: Timestamp::UNIX_EPOCH,
            },
            InventoryError::RunSuperseded {
                integration: integration(),
            },
            InventoryError::InvalidAddress {
                source: "no such scheme".into(),
            },
            InventoryError::FeatureMissing { feature: "sqlite" },
            InventoryError::LeaseLost {
                digest: "sha256:00".to_owned(),
            },
        ] {
            let [english, chinese] = [Language::English, Language::SimplifiedChinese];
            assert_translated(&error.message(english), &error.message(chinese));
            let guidance = error.guidance(english);
            let translated = error.guidance(chinese);
            assert_translated(guidance.message, translated.message);
            assert_translated(guidance.remedy, translated.remedy);
            // A stored one is explained alike.
            let record = ErrorRecord::from(&error);
            assert_eq!(record.guidance(chinese), translated);
        }
    }
}
