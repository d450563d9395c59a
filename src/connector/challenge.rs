//! What a registry asks of who comes without a token: `WWW-Authenticate`, by RFC 9110.

use url::Url;

use crate::http::{Answer, HttpClient};

/// The value of a parameter of the first challenge, unquoted.
pub(crate) fn parameter(header: &str, name: &str) -> Option<String> {
    let (_scheme, mut rest) = header.trim_start().split_once(' ')?;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (key, behind) = rest.split_once('=')?;
        let key = key.trim_end();
        // A further challenge begins.
        if key.contains([' ', '\t']) {
            return None;
        }
        let (value, behind) = value(behind.trim_start())?;
        if key.eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = behind;
    }
}

/// A quoted string or a token, and what follows it. None where a quote is never closed.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        let (token, behind) = text.split_at(end);
        return Some((token.to_owned(), behind));
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, quoted.get(place + 1..)?)),
            '\\' => value.push(letters.next()?.1),
            letter => value.push(letter),
        }
    }
    None
}

/// The host of the token service that the answer names, where it may not receive the credentials.
pub(super) fn foreign_realm(answer: &Answer, client: &HttpClient) -> Option<String> {
    let realm = parameter(answer.header("www-authenticate")?, "realm")?;
    client.foreign_host(&Url::parse(&realm).ok()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parameters_are_read_whatever_their_order_case_and_quotes() {
        let harbor = r#"Bearer realm="https://h.example/service/token",service="harbor-registry""#;
        let of = |header, name| parameter(header, name);
        assert_eq!(
            of(harbor, "realm").as_deref(),
            Some("https://h.example/service/token")
        );
        assert_eq!(of(harbor, "service").as_deref(), Some("harbor-registry"));
        assert_eq!(of(harbor, "scope"), None);
        for (header, realm) in [
            (r#"Bearer Realm = "a" , x=1"#, Some("a")),
            (r#"Bearer xrealm="a",realm="b""#, Some("b")),
            (r#"Bearer service="realm=\"a\"",realm="b""#, Some("b")),
            (r#"Bearer realm="a\"b\\""#, Some(r#"a"b\"#)),
            ("Bearer realm=a", Some("a")),
            (r#"Bearer scope="x", Basic realm="b""#, None),
            (r#"Bearer realm="a"#, None),
            ("Bearer", None),
            ("", None),
        ] {
            assert_eq!(of(header, "realm").as_deref(), realm, "{header}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_read_to_an_end(header: String, quoted in r#"Bearer [a-z]*=?"?[a-z\\",= ]*"#) {
            for header in [&header, &quoted] {
                let value = parameter(header, "realm").unwrap_or_default();
                prop_assert!(value.len() <= header.len());
            }
        }
    }
}
