//! Where reports go: standard output, as text or as JSON, with a progress bar in a terminal.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use registry_intake::{config::ConfigWarning, error::Language};
use serde::Serialize;

use crate::{
    arguments::Format,
    failure::{Explained, Failure},
};

/// What can be reported: one JSON object, or lines of text.
pub(crate) trait Report: Serialize {
    /// May hold what a registry says of itself: control characters are taken out afterwards.
    fn text(&self, to: &mut Vec<u8>) -> io::Result<()>;
}

pub(crate) struct Output {
    format: Format,
    language: Language,
    bar: ProgressBar,
}

impl Output {
    pub(crate) fn new(format: Format, language: Language) -> Self {
        let shown = format == Format::Text && io::stdout().is_terminal();
        Self {
            format,
            language,
            // Drawn on standard error, and only if that is a terminal too.
            bar: if shown {
                ProgressBar::no_length()
            } else {
                ProgressBar::hidden()
            },
        }
    }

    /// The language of what people read.
    pub(crate) fn language(&self) -> Language {
        self.language
    }

    /// Writes one report at once and whole.
    pub(crate) fn report(&self, report: &impl Report) -> Result<(), Failure> {
        let mut text = Vec::new();
        match self.format {
            Format::Text => {
                report.text(&mut text)?;
                text = printable(&text);
            }
            Format::Json => write_json(&mut text, report)?,
        }
        self.write(&text)
    }

    /// Writes a line for people, and nothing in JSON.
    pub(crate) fn say(&self, line: &str) -> Result<(), Failure> {
        match self.format {
            Format::Text => self.write(format!("{line}\n").as_bytes()),
            Format::Json => Ok(()),
        }
    }

    fn write(&self, text: &[u8]) -> Result<(), Failure> {
        self.bar.suspend(|| {
            let mut stdout = io::stdout().lock();
            stdout.write_all(text)?;
            stdout.flush()
        })?;
        Ok(())
    }

    /// Says on standard error what went wrong, with the integration that it concerns.
    pub(crate) fn error(&self, integration: Option<&str>, error: &Explained) {
        #[derive(Serialize)]
        struct Line<'a> {
            error: &'a Explained,
            integration: Option<&'a str>,
        }

        let mut text = Vec::new();
        let written = match self.format {
            Format::Json => write_json(&mut text, &Line { error, integration }),
            Format::Text => explain(&mut text, integration, error, self.language).map(|()| {
                text = printable(&text);
            }),
        };
        // There is no third place that could be told.
        let _ = written.and_then(|()| self.bar.suspend(|| io::stderr().lock().write_all(&text)));
    }

    /// Says on standard error what none of the integration's reports may be read without.
    pub(crate) fn warn(&self, integration: &str, warning: ConfigWarning) {
        #[derive(Serialize)]
        struct Line<'a> {
            warning: Told,
            integration: &'a str,
        }

        #[derive(Serialize)]
        struct Told {
            code: &'static str,
            message: &'static str,
        }

        let code = warning.code();
        let mut text = Vec::new();
        let written = match self.format {
            Format::Json => {
                let message = warning.message(Language::English);
                let warning = Told { code, message };
                write_json(
                    &mut text,
                    &Line {
                        warning,
                        integration,
                    },
                )
            }
            Format::Text => {
                let message = warning.message(self.language);
                let word = if self.language == Language::SimplifiedChinese {
                    "警告"
                } else {
                    "warning"
                };
                writeln!(text, "{integration}: {word} {code}: {message}").map(|()| {
                    text = printable(&text);
                })
            }
        };
        // There is no third place that could be told.
        let _ = written.and_then(|()| self.bar.suspend(|| io::stderr().lock().write_all(&text)));
    }

    /// A bar that counts towards no end, until [`Output::at_rest`].
    pub(crate) fn spin(&self) {
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            self.bar.set_style(style);
        }
        self.bar.reset();
        self.bar.enable_steady_tick(Duration::from_millis(120));
    }

    pub(crate) fn has_bar(&self) -> bool {
        !self.bar.is_hidden()
    }

    pub(crate) fn progress(&self, message: impl FnOnce() -> String) {
        if self.has_bar() {
            self.bar.set_message(message());
        }
    }

    /// Of `done + left` steps `done` are done.
    pub(crate) fn advance(&self, done: u64, left: u64) {
        if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos} of {len} {msg} ({elapsed})")
        {
            self.bar.set_style(style);
        }
        self.bar.set_length(done + left);
        self.bar.set_position(done);
    }

    /// Takes the bar away.
    pub(crate) fn at_rest(&self) {
        self.bar.disable_steady_tick();
        self.bar.finish_and_clear();
    }
}

/// Without what would steer the terminal.
fn printable(text: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(text)
        .replace(
            |letter: char| letter.is_control() && letter != '\n',
            "\u{fffd}",
        )
        .into_bytes()
}

fn write_json(to: &mut Vec<u8>, report: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *to, report)?;
    to.push(b'\n');
    Ok(())
}

fn explain(
    to: &mut Vec<u8>,
    integration: Option<&str>,
    error: &Explained,
    language: Language,
) -> io::Result<()> {
    let (is_chinese, words) = match language {
        Language::SimplifiedChinese => (true, error.chinese.as_ref().unwrap_or(&error.words)),
        _ => (false, &error.words),
    };
    write!(to, "{}", if is_chinese { "错误" } else { "error" })?;
    if let Some(name) = integration {
        let of = if is_chinese { "：集成 " } else { " of " };
        write!(to, "{of}{name}")?;
    }
    if let Some(code) = error.code {
        write!(to, " [{code}]")?;
    }
    let colon = if is_chinese { "：" } else { ": " };
    writeln!(to, "{colon}{}", words.message)?;
    match &words.remedy {
        Some(remedy) => writeln!(to, "  {remedy}"),
        None => Ok(()),
    }
}
