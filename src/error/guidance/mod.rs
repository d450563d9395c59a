mod case;
mod chinese;
mod english;

pub(crate) use self::case::Case;
use super::{ErrorCode, ErrorRecord, IntegrationError, Language, Violation, realm_hosts};
use crate::image::RegistryKind;

/// An error explained to an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Guidance {
    /// What is the matter, without the particulars of the case.
    pub message: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

impl Guidance {
    const fn new(message: &'static str, remedy: &'static str) -> Self {
        Self { message, remedy }
    }
}

impl ErrorCode {
    /// What the code means and what to do, for the registry of this kind.
    #[must_use]
    pub const fn guidance(self, registry: RegistryKind, language: Language) -> Guidance {
        match language {
            Language::English => english::of_code(self, registry),
            Language::SimplifiedChinese => chinese::of_code(self, registry),
        }
    }
}

impl Case {
    pub(crate) const fn guidance(self, language: Language) -> Guidance {
        match language {
            Language::English => english::of_case(self),
            Language::SimplifiedChinese => chinese::of_case(self),
        }
    }
}

impl IntegrationError {
    /// What the error means and what to do about it.
    #[must_use]
    pub fn guidance(&self, language: Language) -> Guidance {
        match Case::of(self) {
            Some(case) => case.guidance(language),
            None => self.code().guidance(self.context().registry, language),
        }
    }

    /// What to do about the error: the guidance's remedy, and where they are known the particulars of
    /// the case, such as the addresses that must be let in.
    #[must_use]
    pub fn remedy(&self, language: Language) -> String {
        let remedy = self.guidance(language).remedy;
        let Some(particulars) = self.particulars(language) else {
            return remedy.to_owned();
        };
        let space = language.choose(" ", "");
        format!("{remedy}{space}{particulars}")
    }

    fn particulars(&self, language: Language) -> Option<String> {
        let host = &self.context().host;
        match self {
            Self::NetworkConnectError {
                sources: Some(sources),
                ..
            } => {
                let port = host.rsplit_once(':').map_or("", |(_, port)| port);
                Some(sources.told(port, language))
            }
            Self::ProtocolViolation {
                violation: Violation::ForeignHost,
                ..
            } => {
                let setting = realm_hosts(host);
                Some(match language {
                    Language::English => format!("The setting: {setting}."),
                    Language::SimplifiedChinese => format!("配置写法：{setting}。"),
                })
            }
            _ => None,
        }
    }
}

impl ErrorRecord {
    /// What the stored error means and what to do about it.
    ///
    /// A record keeps its remedy in English, by which its case and its registry are known again. One
    /// that another version of the crate has written in other words is explained by its code.
    #[must_use]
    pub fn guidance(&self, language: Language) -> Guidance {
        let kept = |guidance: Guidance| self.remedy.starts_with(guidance.remedy);
        let case = Case::ALL
            .iter()
            .find(|case| kept(case.guidance(Language::English)));
        if let Some(case) = case {
            return case.guidance(language);
        }
        let registry = RegistryKind::ALL
            .iter()
            .find(|registry| kept(self.code.guidance(**registry, Language::English)));
        let registry = registry.copied().unwrap_or(RegistryKind::Other);
        self.code.guidance(registry, language)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{AccountKind, ErrorContext, Step, assert_translated};

    fn every_guidance(language: Language) -> Vec<Guidance> {
        let of_codes = ErrorCode::ALL.iter().flat_map(|code| {
            RegistryKind::ALL
                .iter()
                .map(|registry| code.guidance(*registry, language))
        });
        let of_cases = Case::ALL.iter().map(|case| case.guidance(language));
        of_codes.chain(of_cases).collect()
    }

    #[test]
    fn every_code_and_case_is_explained_for_every_registry_in_english() {
        for guidance in every_guidance(Language::English) {
            assert!(guidance.message.ends_with('.'), "{guidance:?}");
            assert!(guidance.remedy.ends_with('.'), "{guidance:?}");
        }
    }

    #[test]
    fn every_code_and_case_is_explained_for_every_registry_in_chinese() {
        let english = every_guidance(Language::English);
        let chinese = every_guidance(Language::SimplifiedChinese);
        assert_eq!(english.len(), chinese.len());
        for (english, chinese) in english.iter().zip(&chinese) {
            assert_translated(english.message, chinese.message);
            assert_translated(english.remedy, chinese.remedy);
            assert!(chinese.message.ends_with('。'), "{chinese:?}");
            assert!(chinese.remedy.ends_with('。'), "{chinese:?}");
        }
    }

    /// Where the English tells two registries or cases apart, so does the Chinese.
    #[test]
    fn what_differs_in_one_language_differs_in_the_other() {
        let english = every_guidance(Language::English);
        let chinese = every_guidance(Language::SimplifiedChinese);
        for (one, first) in english.iter().enumerate() {
            for (other, second) in english.iter().enumerate().skip(one) {
                assert_eq!(
                    first == second,
                    chinese[one] == chinese[other],
                    "{first:?} {second:?}"
                );
            }
        }
    }

    /// What an operator has to type stands in both languages.
    #[test]
    fn a_translated_remedy_names_the_same_settings() {
        let english = every_guidance(Language::English);
        let chinese = every_guidance(Language::SimplifiedChinese);
        for (english, chinese) in english.iter().zip(&chinese) {
            for setting in [
                "required_role",
                "vpc_access",
                "region_id",
                "realm_hosts",
                "org:admin",
                "repo:read",
                "RAM",
                "AccessKey",
                "timeouts",
            ] {
                assert_eq!(
                    english.remedy.contains(setting),
                    chinese.remedy.contains(setting),
                    "{setting}: {chinese:?}"
                );
            }
        }
    }

    fn robot() -> IntegrationError {
        IntegrationError::UserDoesNotHaveAdminRole {
            context: Box::new(ErrorContext::new(
                RegistryKind::HarborV2,
                "harbor.example.com:443",
                Step::Role,
            )),
            account: AccountKind::Robot,
        }
    }

    #[test]
    fn a_robot_is_told_that_it_is_one() {
        let record = ErrorRecord::from(&robot());
        assert_eq!(record.code, ErrorCode::UserDoesNotHaveAdminRole);
        assert!(record.message.contains("a robot"), "{}", record.message);
        assert!(record.remedy.contains("robot"), "{}", record.remedy);
        assert!(!record.retryable);
    }

    #[test]
    fn a_stored_error_is_explained_as_what_it_was() {
        let record = ErrorRecord::from(&robot());
        for language in Language::ALL {
            assert_eq!(record.guidance(*language), robot().guidance(*language));
        }
        for code in ErrorCode::ALL {
            for registry in RegistryKind::ALL {
                let remedy = code.guidance(*registry, Language::English).remedy;
                let stored = ErrorRecord {
                    code: *code,
                    remedy: remedy.to_owned(),
                    ..record.clone()
                };
                for language in Language::ALL {
                    let guidance = code.guidance(*registry, *language);
                    assert_eq!(stored.guidance(*language).remedy, guidance.remedy);
                }
            }
        }
        let of_another_version = ErrorRecord {
            remedy: "Ask somebody.".to_owned(),
            ..record
        };
        let chinese = Language::SimplifiedChinese;
        assert_eq!(
            of_another_version.guidance(chinese),
            of_another_version
                .code
                .guidance(RegistryKind::Other, chinese)
        );
    }

    /// Else a stored error of the one would be explained as the other.
    #[test]
    fn no_remedy_is_the_beginning_of_another_cases() {
        let all = every_guidance(Language::English);
        for case in Case::ALL {
            let guidance = case.guidance(Language::English);
            for other in &all {
                assert!(
                    other == &guidance || !other.remedy.starts_with(guidance.remedy),
                    "{other:?}"
                );
            }
        }
    }
}
