use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};

/// A value of any format. It takes whatever stands there, so that the format's own errors, which
/// quote values, never arise; it has no `Debug`, since it may hold secrets.
#[derive(Clone)]
pub(super) enum Value {
    Null,
    Boolean(bool),
    Integer(i128),
    Float(f64),
    String(String),
    Array(Vec<Self>),
    Table(Vec<(String, Self)>),
    /// What no setting takes, by the name of its type.
    Other(&'static str),
}

impl Value {
    pub(super) const fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "boolean",
            Self::Integer(_) => "integer",
            Self::Float(_) => "float",
            Self::String(_) => "string",
            Self::Array(_) => "array",
            Self::Table(_) => "table",
            Self::Other(name) => name,
        }
    }

    /// A key as text. Only formats such as YAML have keys that are none.
    fn into_key(self) -> String {
        match self {
            Self::String(text) => text,
            Self::Integer(number) => number.to_string(),
            other => format!("({})", other.type_name()),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a setting")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Value, E> {
        Ok(Value::Integer(value.try_into().unwrap_or(i128::MAX)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.into()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Value, E> {
        Ok(Value::Other("bytes"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut table = Vec::new();
        while let Some((key, value)) = entries.next_entry::<Value, Value>()? {
            table.push((key.into_key(), value));
        }
        Ok(match table.as_slice() {
            // So the TOML crate hands over a date, and serde_json, where any crate of the build
            // asks for its arbitrary precision, a number.
            [(key, _)] if key == "$__toml_private_datetime" => Value::Other("date"),
            [(key, Value::String(number))] if key == "$serde_json::private::Number" => {
                exact_number(number)
            }
            _ => Value::Table(table),
        })
    }
}

fn exact_number(digits: &str) -> Value {
    let float = || digits.parse().map_or(Value::Other("number"), Value::Float);
    digits.parse().map_or_else(|_| float(), Value::Integer)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn types(json: &str) -> Vec<&'static str> {
        match serde_json::from_str(json).unwrap() {
            Value::Array(items) => items.iter().map(Value::type_name).collect(),
            other => vec![other.type_name()],
        }
    }

    #[test]
    fn every_type_of_json_and_toml_is_taken() {
        assert_eq!(
            types(r#"[null, true, -1, 18446744073709551615, 1.5, "a", [], {}]"#),
            [
                "null", "boolean", "integer", "integer", "float", "string", "array", "table"
            ],
        );
        let Value::Table(entries) = toml::from_str("day = 2024-02-29").unwrap() else {
            panic!("a document is a table");
        };
        assert_eq!(entries[0].1.type_name(), "date");
    }

    #[test]
    fn a_number_of_arbitrary_precision_is_a_number() {
        assert_eq!(
            types(
                r#"[{"$serde_json::private::Number": "443"}, {"$serde_json::private::Number": "1e-3"}]"#
            ),
            ["integer", "float"],
        );
    }
}
