//! The faults of a configuration in Simplified Chinese.

use std::borrow::Cow;

use super::{ConfigErrors, ConfigFault, ConfigProblem};

pub(super) fn errors(errors: &ConfigErrors) -> String {
    let mut text = "配置无法使用".to_owned();
    for one in errors.faults() {
        text.push_str("\n  ");
        text.push_str(&fault(one));
    }
    text
}

pub(super) fn fault(fault: &ConfigFault) -> String {
    let place = match (fault.integration(), fault.position()) {
        (Some(name), _) => format!("集成 {name:?}："),
        (None, Some(position)) => format!("第 {position} 个集成："),
        (None, None) => String::new(),
    };
    format!(
        "{place}{} {}；应为：{}",
        fault.field().escape_debug(),
        problem(fault.problem()),
        translated(fault.allowed())
    )
}

fn problem(problem: &ConfigProblem) -> String {
    match problem {
        ConfigProblem::Syntax { line, column } => {
            format!("在第 {line} 行第 {column} 列无法解析")
        }
        ConfigProblem::Missing => "缺失".to_owned(),
        ConfigProblem::UnknownKey {
            suggestion: Some(key),
        } => format!("不是已知的配置项（您可能想写 {key}）"),
        ConfigProblem::UnknownKey { suggestion: None } => "不是已知的配置项".to_owned(),
        ConfigProblem::RepeatedKey => "重复出现".to_owned(),
        ConfigProblem::WrongType { found } => format!("的类型是 {found}"),
        ConfigProblem::NotAllowed { found } => format!("的值是 {found}"),
        ConfigProblem::Malformed { flaw } => translated(flaw).into_owned(),
        ConfigProblem::NotApplicable { registry_type } => {
            format!("不适用于类型 {registry_type}")
        }
        ConfigProblem::NotUnique { first } => format!("与第 {first} 个集成相同"),
    }
}

/// The phrase in Chinese. Names of keys and values, alone or in a row, are the same in every language.
fn translated(phrase: &str) -> Cow<'_, str> {
    if let Some(range) = phrase.strip_prefix("a whole number from ")
        && let Some((from, to)) = range.split_once(" to ")
    {
        return format!("{from} 到 {to} 之间的整数").into();
    }
    if let Some((from, to)) = phrase.split_once(" to ")
        && let (Ok(from), Ok(to)) = (from.parse::<u64>(), to.parse::<u64>())
    {
        return format!("{from} 到 {to}").into();
    }
    known(phrase).unwrap_or(phrase).into()
}

fn known(phrase: &str) -> Option<&'static str> {
    Some(match phrase {
        "1 to 128 characters without control characters" => "1 至 128 个字符，不含控制字符",
        "a region id such as \"cn-hangzhou\"" => "地域 ID，例如 \"cn-hangzhou\"",
        "a host name or IP address alone, without scheme, user, port and path" => {
            "仅主机名或 IP 地址，不含协议、用户名、端口和路径"
        }
        "an IP address; required where hybrid = true" => "一个 IP 地址；hybrid = true 时必须填写",
        "a user name without colon and control characters" => "用户名，不含冒号和控制字符",
        "at least one [[integrations.namespaces]] with organization and auth_token" => {
            "至少一个包含 organization 和 auth_token 的 [[integrations.namespaces]]"
        }
        "the name of an organization, each once" => "组织名称，不得重复",
        "is no host name" => "不是主机名",
        "nothing for this type" => "该类型不填写此项",
        "nothing for this type and version" => "该类型和版本不填写此项",
        "is named twice" => "重复指定",
        "is empty" => "为空",
        "is too long" => "过长",
        "has a colon" => "含有冒号",
        "has white space or a slash" => "含有空白字符或斜杠",
        "is no path segment" => "不能作为路径的一段",
        "has white space" => "含有空白字符",
        "has control characters" => "含有控制字符",
        "instance_id = \"cri-...\", or instance = \"NAME\"" => {
            "instance_id = \"cri-...\"，或 instance = \"名称\""
        }
        "\"default\", or { access_key_id = \"..\", access_key_secret = SECRET, security_token = SECRET }" => {
            "\"default\"，或 { access_key_id = \"..\", access_key_secret = 密钥, security_token = 密钥 }"
        }
        "https://HOST[:PORT], or http://HOST[:PORT] on this machine" => {
            "https://主机[:端口]；仅限本机时可用 http://主机[:端口]"
        }
        "an AccessKey id without white space" => "不含空白字符的 AccessKey ID",
        "the id of the Alibaba Cloud account" => "阿里云账号 ID",
        "stands beside instance_id" => "不能与 instance_id 同时填写",
        "is no URL" => "不是 URL",
        "is neither http nor https" => "既不是 http 也不是 https",
        "has a user name" => "含有用户名",
        "has a path" => "含有路径",
        "has no host" => "没有主机名",
        "has no port" => "没有端口",
        "is http to another machine" => "以 http 访问其他机器",
        "has white space or control characters" => "含有空白字符或控制字符",
        "is another word than \"default\"" => "不是 \"default\"",
        "a string" => "字符串",
        "true, false" => "true 或 false",
        "a whole number" => "整数",
        "is no IP address" => "不是 IP 地址",
        "an IPv4 or IPv6 address alone, without port" => "仅 IPv4 或 IPv6 地址，不含端口",
        "an array of strings" => "字符串数组",
        "is a table of another form" => "表的形式不符",
        "a table" => "表",
        "an array of tables" => "表的数组",
        "each key once" => "每个配置项只出现一次",
        "\"daily\", \"manual\", or { cron = \"MINUTE HOUR DAY MONTH WEEKDAY\" }" => {
            "\"daily\"、\"manual\"，或 { cron = \"分 时 日 月 星期\" }"
        }
        "a time zone of the IANA database, such as \"Asia/Shanghai\"" => {
            "IANA 数据库中的时区，例如 \"Asia/Shanghai\""
        }
        "hours, a whole number from 1 to 24, or \"never\"" => {
            "小时数，1 到 24 之间的整数，或 \"never\""
        }
        "does not go with schedule = \"manual\"" => "不能与 schedule = \"manual\" 同时使用",
        "another schedule" => "其他的 schedule",
        "is no cron expression of five fields that names a time" => {
            "不是由五个字段组成、能确定时间的 cron 表达式"
        }
        "an array of names in which *, **, ?, [a-z] and {a,b} stand for others, such as \"team-*\"" => {
            "名称数组，其中可使用通配符 *、**、?、[a-z] 和 {a,b}，例如 \"team-*\""
        }
        "an array of \"image\", \"index\", \"chart\", \"other\"" => {
            "由 \"image\"、\"index\"、\"chart\"、\"other\" 组成的数组"
        }
        "an array of platforms such as \"linux\", \"linux/amd64\" or \"linux/arm/v7\"" => {
            "平台数组，例如 \"linux\"、\"linux/amd64\" 或 \"linux/arm/v7\""
        }
        "images per hour, a whole number from 1 to 4294967295, or \"unlimited\"" => {
            "每小时镜像数，1 到 4294967295 之间的整数，或 \"unlimited\""
        }
        "has a scheme" => "含有协议前缀",
        "has a port" => "含有端口",
        "is percent-encoded" => "含有百分号编码",
        "an array of tables, [[integrations]]" => "表的数组 [[integrations]]",
        "a name of its own" => "各不相同的名称",
        "{ env = \"NAME\" }, { file = \"PATH\" }, or a string that is not empty" => {
            "{ env = \"名称\" }、{ file = \"路径\" }，或非空字符串"
        }
        "names no environment variable" => "不是环境变量的名称",
        "names no file" => "没有指明文件",
        "{ file = \"PATH\" }, { env = \"NAME\" }, a path, or the text of certificates in PEM" => {
            "{ file = \"路径\" }、{ env = \"名称\" }、路径，或 PEM 格式的证书文本"
        }
        "holds no certificate in PEM" => "不含 PEM 格式的证书",
        "is none of the forms" => "不是允许的形式",
        "http://HOST[:PORT], https://HOST[:PORT], socks5://HOST[:PORT] or socks5h://HOST[:PORT], without user and path" => {
            "http://主机[:端口]、https://主机[:端口]、socks5://主机[:端口] 或 socks5h://主机[:端口]，不含用户名和路径"
        }
        "a host name, which stands for the names below it too, an IP address or a network" => {
            "主机名（同时代表其下级名称）、IP 地址或网段"
        }
        "a table, or the proxy's URL" => "表，或代理的 URL",
        "has no scheme" => "没有协议前缀",
        "has an unknown scheme" => "协议前缀未知",
        "holds a user name; it and the password have keys of their own" => {
            "含有用户名；用户名和密码另有各自的配置项"
        }
        "has port 0" => "端口为 0",
        "a table of host names and their IP addresses" => "由主机名及其 IP 地址组成的表",
        "certificates in PEM; required where ca_mode = \"replace\"" => {
            "PEM 格式的证书；ca_mode = \"replace\" 时必须填写"
        }
        "a certificate in PEM; required beside client_key" => {
            "PEM 格式的证书；填写 client_key 时必须填写"
        }
        "{ file = \"PATH\" }, { env = \"NAME\" }, or the key in PEM; required beside client_certificate" => {
            "{ file = \"路径\" }、{ env = \"名称\" }，或 PEM 格式的私钥；填写 client_certificate 时必须填写"
        }
        "holds no key in PEM" => "不含 PEM 格式的私钥",
        "other host names than the domain, each once" => "domain 之外的其他主机名，不得重复",
        "is an IP address itself" => "本身就是 IP 地址",
        "is the domain, whose address is ip" => "就是 domain，其地址由 ip 指定",
        "cannot work through a proxy, which dials what it looks up itself" => {
            "经由代理时无法生效：代理会自行解析并连接"
        }
        "hosts that proxy.no_proxy names; else let the proxy's own name server tell the address, or leave proxy out" => {
            "proxy.no_proxy 所列的主机；否则请由代理自己的 DNS 服务器给出地址，或不使用 proxy"
        }
        "a number of seconds from 0.001 to 3600" => "秒数，0.001 到 3600",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{fs, path::Path};

    use super::*;
    use crate::{
        config::Config,
        error::{Language, assert_translated},
    };

    /// The string literals of a line of code, unescaped as far as these phrases need it.
    fn literals(line: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut letters = line.chars();
        while letters.any(|letter| letter == '"') {
            let mut literal = String::new();
            while let Some(letter) = letters.next() {
                match letter {
                    '\\' => literal.extend(letters.next()),
                    '"' => break,
                    letter => literal.push(letter),
                }
            }
            found.push(literal);
        }
        found
    }

    /// No phrase and yet with white space: whole texts of errors and their parts, which are written
    /// in [`errors`] and [`problem`], or no fault's.
    const OTHERWISE: &[&str] = &[
        "the configuration cannot be used",
        "integration {name:?}: ",
        "integration number {position}: ",
        "{} {}; allowed: {}",
        "n  {fault}",
        " (perhaps {key} is meant)",
        "a whole number from {} to {}",
        "{} to {}",
        "{images} per hour",
        "a setting",
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN ",
        "Pem(file {path:?})",
        "Pem(environment {name:?})",
        ", ",
        " {name}",
    ];

    /// The sources of this room, each up to its tests, without what derives and documents.
    fn phrases() -> Vec<String> {
        let room = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config");
        let mut phrases = Vec::new();
        for entry in fs::read_dir(room).unwrap() {
            let path = entry.unwrap().path();
            let is_code = path.extension().is_some_and(|end| end == "rs");
            if !is_code || path.ends_with("warning.rs") || path.ends_with("chinese.rs") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            for line in code.lines().map(str::trim_start) {
                if !line.starts_with("//") && !line.starts_with("#[") {
                    phrases.extend(literals(line));
                }
            }
        }
        phrases.retain(|phrase| phrase.contains(' ') && !OTHERWISE.contains(&phrase.as_str()));
        phrases
    }

    #[test]
    fn every_phrase_of_a_fault_is_translated() {
        let phrases = phrases();
        assert!(phrases.len() > 50, "{phrases:?}");
        for phrase in phrases {
            let chinese = known(&phrase).unwrap_or_else(|| panic!("not translated: {phrase:?}"));
            assert_translated(&phrase, chinese);
        }
    }

    #[test]
    fn faults_are_told_in_chinese_with_the_same_keys_and_values() {
        let errors = Config::from_toml(
            "[[integrations]]\nname = \"prod\"\ntype = \"harbor\"\nversion = \"V2\"\nport = 70000\n\
             domain = \"https://h\"\npasword = \"correct horse\"\nprotocol = \"ftp\"\n\
             requests_in_flight = \"4\"\n[[integrations]]\nname = \"prod\"",
        )
        .unwrap_err();
        let text = errors.message(Language::SimplifiedChinese);
        for line in [
            "配置无法使用",
            "  集成 \"prod\"：port 的值是 70000；应为：1 到 65535",
            "  集成 \"prod\"：pasword 不是已知的配置项（您可能想写 password）",
            "  集成 \"prod\"：domain 含有协议前缀；应为：仅主机名或 IP 地址，不含协议、用户名、端口和路径",
            "  集成 \"prod\"：username 缺失；应为：用户名，不含冒号和控制字符",
        ] {
            assert!(
                text.lines().any(|told| told.starts_with(line)),
                "{line}: {text}"
            );
        }
        assert_eq!(text.lines().count(), errors.faults().len() + 1);
        assert!(!text.contains("horse"), "{text}");
        assert_eq!(errors.message(Language::English), errors.to_string());
    }
}
