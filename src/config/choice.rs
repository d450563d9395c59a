use std::fmt;

use serde::Serialize;

/// A setting that is one of a few words.
pub(super) trait Choice: Copy + 'static {
    const ALL: &'static [Self];

    fn word(self) -> &'static str;

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|choice| choice.word() == word)
    }

    /// All words, quoted, as a fault names them.
    fn allowed() -> String {
        let words: Vec<_> = Self::ALL
            .iter()
            .map(|choice| format!("{:?}", choice.word()))
            .collect();
        words.join(", ")
    }
}

macro_rules! choices {
    ($(
        $(#[$meta:meta])*
        $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }
    )+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// The word that stands for it in a configuration and in reports.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl Choice for $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)+];

            fn word(self) -> &'static str {
                self.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )+};
}

choices! {
    /// The product that the registry is.
    #[non_exhaustive]
    RegistryType {
        /// Harbor.
        Harbor = "harbor",
        /// Quay.
        Quay = "quay",
        /// Alibaba Cloud Container Registry, Enterprise edition.
        AcrEnterprise = "acr-enterprise",
        /// Alibaba Cloud Container Registry, Personal edition: listed, never scanned.
        AcrPersonal = "acr-personal",
    }

    /// The registry's generation, chosen by the operator for Harbor and Quay.
    RegistryVersion {
        /// Version 1.x.
        V1 = "V1",
        /// Version 2.x or later.
        V2 = "V2",
    }

    /// The documented communication type.
    #[derive(Default)]
    Protocol {
        /// Plain HTTP, port 80 unless configured.
        Http = "http",
        /// HTTP over TLS, port 443 unless configured.
        #[default]
        Https = "https",
    }

    /// The network over which the registry is reached.
    #[derive(Default)]
    NetworkType {
        /// The Internet.
        #[default]
        Public = "public",
        /// A virtual private cloud.
        Vpc = "vpc",
    }

    /// What the account must be allowed to do for a verification to pass.
    #[derive(Default)]
    RequiredRole {
        /// Administrator rights, the documented rule.
        #[default]
        Admin = "admin",
        /// Any account that can list, robots among them. It may see a part of the registry.
        List = "list",
    }

    /// What it means that an instance of ACR Enterprise has no access over a VPC configured, which
    /// the product documents demand before its images may be scanned.
    VpcAccess {
        /// The verification fails.
        Require = "require",
        /// The verification warns.
        Warn = "warn",
    }

    /// How certificates of an integration's own authorities are trusted.
    #[derive(Default)]
    CaMode {
        /// Beside those of the operating system.
        #[default]
        Add = "add",
        /// In their place: nobody else is trusted.
        Replace = "replace",
    }

    /// A version of TLS.
    #[derive(PartialOrd, Ord, Default)]
    TlsVersion {
        /// TLS 1.2.
        #[default]
        Tls12 = "1.2",
        /// TLS 1.3.
        Tls13 = "1.3",
    }

    /// How a proxy is spoken to.
    ProxyScheme {
        /// HTTP; https goes through it by `CONNECT`.
        Http = "http",
        /// The same over TLS to the proxy.
        Https = "https",
        /// SOCKS 5, told addresses that this machine looked up.
        Socks5 = "socks5",
        /// SOCKS 5, told names.
        Socks5h = "socks5h",
    }

    /// Whether a listing signs in, as the registry's web page does, instead of sending the password
    /// with every request. A Harbor since 2.15.2 hashes it slowly each time, a Quay does so with
    /// each token; a session costs neither.
    #[derive(Default)]
    SessionUse {
        /// Harbor: for users of its own database, over https or on this machine, where the server
        /// was seen to hash slowly. Quay: never.
        #[default]
        Auto = "auto",
        /// Never.
        Never = "never",
        /// Wherever the server lets the user in; robots have no sessions. A Quay is then listed as
        /// this user if that is an administrator of every organisation. The sign-out at the end of
        /// a listing ends every session that the user has at a Quay, in browsers too.
        Always = "always",
    }
}

impl Protocol {
    /// The port where none is configured: 80 or 443.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl RegistryType {
    pub(super) const fn is_acr(self) -> bool {
        matches!(self, Self::AcrEnterprise | Self::AcrPersonal)
    }
}
