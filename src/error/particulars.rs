use std::fmt;

use ipnet::IpNet;

use super::Language;

/// What the certificate that a server showed says of itself. Nobody vouches for any of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PresentedCertificate {
    /// Host names and addresses that it is for, bounded in number and length.
    pub names: Vec<String>,
    /// Whom it is for: `CN=harbor.example.com, O=Example`.
    pub subject: String,
    /// Who has signed it, in the same form.
    pub issuer: String,
}

impl PresentedCertificate {
    /// A certificate with these entries.
    #[must_use]
    pub fn new(names: Vec<String>, subject: impl Into<String>, issuer: impl Into<String>) -> Self {
        Self {
            names,
            subject: subject.into(),
            issuer: issuer.into(),
        }
    }

    /// Names and issuer in half a sentence.
    pub(super) fn told(&self, language: Language) -> String {
        let names = match self.names.as_slice() {
            [] => visible(&self.subject),
            names => names
                .iter()
                .map(|name| visible(name))
                .collect::<Vec<_>>()
                .join(", "),
        };
        let issuer = visible(&self.issuer);
        match language {
            Language::English => format!("it is for {names}, issued by {issuer}"),
            Language::SimplifiedChinese => format!("证书属于 {names}，签发者为 {issuer}"),
        }
    }
}

/// The addresses from which a registry is scanned, by the region and network of its integration: what a
/// firewall or security group has to let in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceAddresses {
    /// The region's id; none where the integration names none, and the addresses cannot be told.
    pub region_id: Option<String>,
    /// Whether they are those of the VPC instead of the public ones.
    pub is_vpc: bool,
    /// The addresses.
    pub networks: Vec<IpNet>,
}

impl SourceAddresses {
    /// Those of a region.
    #[must_use]
    pub const fn new(region_id: Option<String>, is_vpc: bool, networks: Vec<IpNet>) -> Self {
        Self {
            region_id,
            is_vpc,
            networks,
        }
    }

    /// What is to be let in, in a sentence, and to which port.
    pub(super) fn told(&self, port: &str, language: Language) -> String {
        let network = match (self.is_vpc, language) {
            (false, Language::English) => "public",
            (true, Language::English) => "vpc",
            (false, Language::SimplifiedChinese) => "公网",
            (true, Language::SimplifiedChinese) => "专有网络（VPC）",
        };
        let Some(region) = &self.region_id else {
            return match language {
                Language::English => format!(
                    "The port that was tried is {port}. Set region_id to be told the source addresses."
                ),
                Language::SimplifiedChinese => {
                    format!("所尝试的端口为 {port}。设置 region_id 后即可获知源地址。")
                }
            };
        };
        let region = region.escape_debug();
        if self.networks.is_empty() {
            return match language {
                Language::English => format!(
                    "The port that was tried is {port}. No source addresses are known for the region {region}."
                ),
                Language::SimplifiedChinese => {
                    format!("所尝试的端口为 {port}。地域 {region} 没有已知的源地址。")
                }
            };
        }
        let networks = Networks(&self.networks);
        match language {
            Language::English => format!(
                "Source addresses to let in to port {port}, for the region {region} over the {network} network: {networks}."
            ),
            Language::SimplifiedChinese => format!(
                "需要放行访问端口 {port} 的源地址（地域 {region}，网络类型：{network}）：{networks}。"
            ),
        }
    }
}

/// A row of networks, single addresses without their length.
struct Networks<'a>(&'a [IpNet]);

impl fmt::Display for Networks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, network) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str(", ")?;
            }
            if network.prefix_len() == network.max_prefix_len() {
                write!(f, "{}", network.addr())?;
            } else {
                write!(f, "{network}")?;
            }
        }
        Ok(())
    }
}

/// Without letters that steer a terminal or turn the direction of writing.
fn visible(text: &str) -> String {
    let steers = |letter: char| {
        letter.is_control()
            || matches!(
                letter,
                '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            )
    };
    text.chars()
        .map(|letter| if steers(letter) { '\u{fffd}' } else { letter })
        .collect()
}

/// The setting that lets credentials go to this host, which it names without its port.
pub(crate) fn realm_hosts(host: &str) -> String {
    let is_port = |port: &str| port.bytes().all(|digit| digit.is_ascii_digit());
    let name = match host.rsplit_once(':') {
        Some((name, port)) if is_port(port) => name,
        _ => host,
    };
    format!("realm_hosts = [\"{}\"]", visible(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_certificate_says_cannot_steer_a_terminal() {
        let names = vec!["a\u{1b}[2J.example".to_owned()];
        let certificate = PresentedCertificate::new(names, "", "CN=\u{202e}o'b");
        for language in Language::ALL {
            let told = certificate.told(*language);
            assert!(told.contains("a\u{fffd}[2J.example"), "{told}");
            assert!(told.contains("CN=\u{fffd}o'b"), "{told}");
        }
    }

    #[test]
    fn the_setting_for_a_realm_names_its_host_alone() {
        for (host, setting) in [
            (
                "auth.example.com:443",
                "realm_hosts = [\"auth.example.com\"]",
            ),
            ("192.0.2.7:8443", "realm_hosts = [\"192.0.2.7\"]"),
            ("[2001:db8::7]:443", "realm_hosts = [\"[2001:db8::7]\"]"),
        ] {
            assert_eq!(realm_hosts(host), setting);
        }
    }
}
