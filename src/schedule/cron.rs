use std::{fmt, str::FromStr};

use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};

/// A cron expression of five fields of which it is known that it names a time that comes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CronExpression {
    cron: Cron,
    /// As it was written.
    text: String,
}

/// The text is no cron expression of five fields, or names no time that ever comes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no cron expression of five fields that names a time")]
pub struct ParseCronError;

impl CronExpression {
    pub(super) fn next(&self, after: &jiff::Zoned) -> Option<jiff::Zoned> {
        self.cron.find_next_occurrence(after, false).ok()
    }
}

impl FromStr for CronExpression {
    type Err = ParseCronError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let expression = Self {
            cron: parser.parse(text).map_err(|_| ParseCronError)?,
            text: text.to_owned(),
        };
        let start = jiff::Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC);
        // 30 February never comes.
        expression.next(&start).ok_or(ParseCronError)?;
        Ok(expression)
    }
}

impl fmt::Display for CronExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
