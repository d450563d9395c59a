//! What an operator fills in for an integration, read, validated, and explained where it is wrong.
//!
//! [`Config::from_toml`] reads a document of integrations, [`IntegrationConfig::builder`] makes one
//! in code, and serde reads a [`ConfigDraft`] or an [`IntegrationDraft`] from any self-describing
//! format, alone or in a document of the embedder's own, to be validated next. All of them judge
//! by the same rules and report every fault at once, as [`ConfigErrors`]. What is allowed but should
//! be known is a [`ConfigWarning`].
//!
//! | key | values | |
//! |---|---|---|
//! | `name` | 1 to 128 characters | unique; names the integration everywhere |
//! | `type` | `harbor`, `quay`, `acr-enterprise`, `acr-personal` | required |
//! | `version` | `V1`, `V2` | required for `harbor` and `quay`, a fault for ACR |
//! | `protocol` | `https`, `http` | default `https` |
//! | `network` | `public`, `vpc` | default `public` |
//! | `region_id` | a region id | required for ACR; else a warning where it is missing |
//! | `domain` | a host name or IP address | required, save for ACR |
//! | `port` | 1 to 65535 | default 80 or 443, by `protocol` |
//! | `ip` | an IP address | dialled in place of what `domain` resolves to |
//! | `hosts` | `{ "NAME" = "IP" }` | dialled in place of what further names resolve to; `Host`, SNI and certificate stay the name |
//! | `hybrid` | `true`, `false` | default `false`; `true` requires `ip` |
//! | `speed_limit` | images per hour, or `"unlimited"` | default 10 |
//! | `username` | without colon | required; optional for `quay`; a fault for ACR |
//! | `password` | `{ env = "NAME" }`, `{ file = "PATH" }`, or the text | required with `username` |
//! | `namespaces` | tables of `organization` and `auth_token`, a secret | required for `quay` alone |
//! | `required_role` | `admin`, `list` | default `admin` |
//! | `requests_in_flight` | 1 to 64 | default 4; 2 for Harbor `V1`, and for `quay` without a session |
//! | `timeouts` | `{ connect = SECONDS, read = SECONDS }` | default 10 and 30 |
//! | `limits` | `{ page = BYTES, manifest = BYTES, error_body = BYTES }` | how much of an answer is read, after decompression; default 64 MiB, 8 MiB and 64 KiB |
//! | `tls` | a table, see below | whom to trust, and the client's certificate |
//! | `proxy` | a table, see below, or its `url` alone | the proxy to the registry; none is ever taken from the environment |
//! | `realm_hosts` | host names | hosts of token services that may get the credentials |
//! | `include_proxy_caches` | `true`, `false` | default `false` |
//! | `session` | `auto`, `never`, `always` | default `auto`; for `quay` and Harbor `V2` alone |
//! | `schedule` | `daily`, `manual`, `{ cron = "EXPRESSION" }` | default `daily`: between 02:00 and 05:00 |
//! | `timezone` | a time zone of the IANA database | default `Asia/Shanghai` for a region `cn-...`, else `UTC` |
//! | `incremental_every_hours` | 1 to 24, or `"never"` | reads what has changed between full runs, where the registry can tell; default 6 |
//! | `selection` | a table, see below | which images are for ingestion |
//!
//! ACR (`acr-enterprise`, `acr-personal`) is found by its region and entered by an AccessKey, so
//! `protocol`, `port`, `ip`, `hybrid`, `username` and `password` are faults there, `domain` is that of
//! the registry from which images are pulled, and these are its own:
//!
//! | key | values | |
//! |---|---|---|
//! | `network` | `public`, `vpc` | also chooses the API's endpoint and the registry's domain |
//! | `instance_id`, `instance` | `cri-...`, or the exact name | one of both is required for `acr-enterprise` alone |
//! | `credentials` | `default`, or a table of `access_key_id`, `access_key_secret` and `security_token` | default `default`: the chain of Alibaba Cloud's own tools |
//! | `endpoint` | a URL without path | another API endpoint; http on this machine alone |
//! | `vpc_access` | `require`, `warn` | for `acr-enterprise`; default `require` for `network = "vpc"`, else `warn` |
//! | `requests_per_second` | 1 to 1000 | of the account, whatever shares it; default 15 |
//! | `account_id` | text | ACR: the account, where AccessKeys of several users are of one |
//!
//! The keys of `tls` hold for the registry, its token services and a proxy that speaks TLS. Files are read
//! when the integration is connected, and again while it runs, at most once a minute: what is new there
//! is used by the next connection.
//!
//! | key | values | |
//! |---|---|---|
//! | `ca_bundle` | `{ file = "PATH" }`, `{ env = "NAME" }`, a path, or the text in PEM | authorities to trust |
//! | `ca_mode` | `add`, `replace` | beside the operating system's, or in their place; default `add` |
//! | `client_certificate` | the same forms | shown where the server asks for one; required with `client_key` |
//! | `client_key` | the forms of `password` | its key in PEM; required with `client_certificate` |
//! | `min_version` | `1.2`, `1.3` | the oldest version of TLS; default `1.2` |
//! | `insecure` | `true`, `false` | takes any certificate, and warns in every report; default `false` |
//!
//! The keys of `proxy`. Through a proxy names are looked up there, so that `ip` and `hosts` are faults
//! for hosts that are reached through it, and the egress guard sees literal addresses alone, and that
//! of the proxy itself; a `socks5` proxy is told addresses that were looked up and judged here.
//!
//! | key | values | |
//! |---|---|---|
//! | `url` | `http://`, `https://`, `socks5://` or `socks5h://`, host and port | default port 80, 443 or 1080 |
//! | `username`, `password` | text, a secret | what the proxy asks for |
//! | `no_proxy` | host names, addresses, networks | reached without it; a name stands for those below it too |
//!
//! The keys of `selection` narrow down what is ingested, all of them together:
//!
//! | key | values | |
//! |---|---|---|
//! | `namespaces`, `exclude_namespaces` | patterns | projects or organisations; the others are not asked for |
//! | `repositories`, `exclude_repositories` | patterns | full paths, with the namespace |
//! | `tags`, `exclude_tags` | patterns | one tag of an image is enough |
//! | `newest_tags` | 1 to 1000 | of each repository only the tags that were set last |
//! | `pushed_within_days`, `pulled_within_days` | 1 to 36500 | one of both is enough; pulls are told by Harbor alone |
//! | `untagged` | `true`, `false` | default `false` |
//! | `kinds` | `image`, `index`, `chart`, `other` | default `image` and `index`; one that the registry does not name is taken |
//! | `platforms` | `os`, `os/architecture`, `os/architecture/variant` | default all |
//!
//! Patterns are those of [`Patterns`](crate::selection::Patterns).

mod acr;
mod builder;
mod chinese;
mod choice;
mod document;
mod draft;
mod endpoint;
mod fault;
mod integration;
mod limits;
mod namespace;
mod pem;
mod proxy;
mod read;
mod schedule;
mod secret;
mod selection;
mod speed_limit;
mod tls;
mod tree;
mod validate;
mod warning;

pub use acr::{AcrCredentials, AcrInstance, AcrSettings};
pub use builder::IntegrationConfigBuilder;
pub use choice::{
    CaMode, NetworkType, Protocol, ProxyScheme, RegistryType, RegistryVersion, RequiredRole,
    SessionUse, TlsVersion, VpcAccess,
};
pub use document::Config;
pub use draft::{ConfigDraft, IntegrationDraft};
pub use endpoint::Endpoint;
pub use fault::{ConfigErrors, ConfigFault, ConfigProblem};
pub use integration::{IntegrationConfig, Timeouts};
pub use limits::SizeLimits;
pub use namespace::{Account, Namespace};
pub use pem::{Pem, PemError};
pub use proxy::{NoProxy, ProxySettings};
pub use secret::{Secret, SecretError, SecretProvider, SecretValue};
pub use speed_limit::SpeedLimit;
pub use tls::{ClientIdentity, TlsSettings};
pub use warning::ConfigWarning;
