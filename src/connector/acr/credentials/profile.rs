//! The two files of profiles: JSON of the vendor's command line, INI of its SDKs.

use std::collections::HashMap;

use serde::Deserialize;

use super::{KeyError, chain::MOST_SOURCES, sts::RoleWish};

/// Reads the wanted profile of a file's text, and behind it those that it is assumed by. None where the
/// file has none. The last text names the file.
pub(super) type Read = fn(&str, Option<&str>, &str) -> Result<Option<Vec<Profile>>, KeyError>;

/// One profile.
pub(super) struct Profile {
    pub(super) mode: Mode,
    pub(super) sts_region: Option<String>,
}

/// How a profile comes to its key.
pub(super) enum Mode {
    Key {
        id: String,
        secret: String,
        token: Option<String>,
    },
    MachineRole {
        role: Option<String>,
    },
    Oidc {
        wish: RoleWish,
        provider: String,
        token_file: String,
    },
    /// By a key of its own, else by that of the profile behind it.
    Role {
        wish: RoleWish,
        source: Option<(String, String)>,
    },
    /// One that takes a person, a browser or another program.
    Unknown(String),
}

#[derive(Deserialize)]
struct CliWire {
    current: Option<String>,
    #[serde(default)]
    profiles: Vec<CliProfileWire>,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct CliProfileWire {
    name: String,
    mode: String,
    access_key_id: String,
    access_key_secret: String,
    sts_token: String,
    sts_region: String,
    ram_role_name: String,
    ram_role_arn: String,
    ram_session_name: String,
    expired_seconds: u32,
    source_profile: String,
    oidc_provider_arn: String,
    oidc_token_file: String,
}

/// The wanted profile of `config.json`, else the current one, and behind it those that it is assumed
/// by. None where the file has no profile at all.
pub(super) fn read_cli(
    text: &str,
    wanted: Option<&str>,
    place: &str,
) -> Result<Option<Vec<Profile>>, KeyError> {
    let unfit = |flaw: String| KeyError::Unfit {
        place: place.to_owned(),
        flaw,
    };
    // What the parser says quotes the file.
    let file: CliWire =
        serde_json::from_str(text).map_err(|_| unfit("is no JSON of profiles".to_owned()))?;
    if file.profiles.is_empty() {
        return Ok(None);
    }
    let mut name = wanted
        .map(str::to_owned)
        .or(file.current)
        .unwrap_or_else(|| "default".to_owned());
    let mut chain = Vec::new();
    loop {
        let found = file.profiles.iter().find(|profile| profile.name == name);
        let found = found.ok_or_else(|| unfit(format!("has no profile {name:?}")))?;
        chain.push(Profile {
            mode: found.mode(&unfit)?,
            sts_region: given(&found.sts_region),
        });
        match given(&found.source_profile) {
            Some(source) if found.mode == "ChainableRamRoleArn" && chain.len() <= MOST_SOURCES => {
                name = source;
            }
            _ => return Ok(Some(chain)),
        }
    }
}

impl CliProfileWire {
    fn mode(&self, unfit: &dyn Fn(String) -> KeyError) -> Result<Mode, KeyError> {
        let need = |field: &str, value: &str| {
            given(value).ok_or_else(|| unfit(format!("lacks {field} in profile {:?}", self.name)))
        };
        let wish = || {
            let seconds = (self.expired_seconds > 0).then_some(self.expired_seconds);
            Ok(RoleWish::new(
                need("ram_role_arn", &self.ram_role_arn)?,
                given(&self.ram_session_name),
                seconds,
            ))
        };
        let key = || {
            Ok((
                need("access_key_id", &self.access_key_id)?,
                need("access_key_secret", &self.access_key_secret)?,
            ))
        };
        Ok(match self.mode.as_str() {
            "" | "AK" => {
                let (id, secret) = key()?;
                let token = None;
                Mode::Key { id, secret, token }
            }
            "StsToken" => {
                let (id, secret) = key()?;
                let token = Some(need("sts_token", &self.sts_token)?);
                Mode::Key { id, secret, token }
            }
            "EcsRamRole" => Mode::MachineRole {
                role: given(&self.ram_role_name),
            },
            "OIDC" => Mode::Oidc {
                wish: wish()?,
                provider: need("oidc_provider_arn", &self.oidc_provider_arn)?,
                token_file: need("oidc_token_file", &self.oidc_token_file)?,
            },
            "RamRoleArn" => Mode::Role {
                wish: wish()?,
                source: Some(key()?),
            },
            "ChainableRamRoleArn" => Mode::Role {
                wish: wish()?,
                source: None,
            },
            other => Mode::Unknown(other.chars().take(32).collect()),
        })
    }
}

/// The wanted section of `credentials.ini`, else `default`. None where there is no such section, or
/// it is switched off.
pub(super) fn read_ini(
    text: &str,
    wanted: Option<&str>,
    place: &str,
) -> Result<Option<Vec<Profile>>, KeyError> {
    let name = wanted.unwrap_or("default");
    let Some(section) = section(text, name) else {
        return Ok(None);
    };
    if section.get("enable").is_some_and(|on| on == "false") {
        return Ok(None);
    }
    let need = |field: &str| {
        let value = section.get(field).and_then(|value| given(value));
        value.ok_or_else(|| KeyError::Unfit {
            place: place.to_owned(),
            flaw: format!("lacks {field} in section {name:?}"),
        })
    };
    let get = |field: &str| section.get(field).and_then(|value| given(value));
    let wish = || {
        let session = get("role_session_name").or_else(|| get("session_name"));
        Ok(RoleWish::new(need("role_arn")?, session, None))
    };
    let mode = match section.get("type").map(String::as_str) {
        None | Some("access_key") => Mode::Key {
            id: need("access_key_id")?,
            secret: need("access_key_secret")?,
            token: None,
        },
        Some("sts") => Mode::Key {
            id: need("access_key_id")?,
            secret: need("access_key_secret")?,
            token: Some(need("security_token")?),
        },
        Some("ecs_ram_role") => Mode::MachineRole {
            role: get("role_name"),
        },
        Some("oidc_role_arn") => Mode::Oidc {
            wish: wish()?,
            provider: need("oidc_provider_arn")?,
            token_file: need("oidc_token_file_path")?,
        },
        Some("ram_role_arn") => Mode::Role {
            wish: wish()?,
            source: Some((need("access_key_id")?, need("access_key_secret")?)),
        },
        Some(other) => Mode::Unknown(other.chars().take(32).collect()),
    };
    Ok(Some(vec![Profile {
        mode,
        sts_region: get("sts_region"),
    }]))
}

/// The keys of one section: `key = value`, with comments behind `#` or `;` at a line's beginning.
fn section(text: &str, name: &str) -> Option<HashMap<String, String>> {
    let mut found: Option<HashMap<String, String>> = None;
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            inside = header.strip_suffix(']').map(str::trim) == Some(name);
            if inside {
                found.get_or_insert_default();
            }
        } else if inside
            && !line.starts_with(['#', ';'])
            && let (Some(keys), Some((key, value))) = (found.as_mut(), line.split_once('='))
        {
            let value = value.trim().trim_matches('"');
            keys.insert(key.trim().to_ascii_lowercase(), value.to_owned());
        }
    }
    found
}

fn given(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
