//! What `wirecensus.toml` says of operation.

use super::log::{Format, Level};
use crate::written::{Fault, filled, get, refuse_strangers, section};
use std::net::SocketAddr;
use std::path::PathBuf;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Keys of this at the top of the file.
pub const KEYS: &[&str] = &["user", "log", "api"];

/// Keys of `[log]`.
pub const LOG_KEYS: &[&str] = &["level", "format"];

/// Keys of `[api]`.
pub const API_KEYS: &[&str] = &["listen"];

/// What the configuration says of operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operating {
    /// Whom root becomes.
    pub user: Option<String>,
    /// How much is logged.
    pub log_level: Option<Level>,
    /// How it is written.
    pub log_format: Option<Format>,
    /// Where metrics and health are told.
    pub api: Option<Listen>,
}

/// Where something listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// An address of this machine.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

impl Operating {
    pub(crate) fn of(root: &DeTable<'_>) -> Result<Self, Fault> {
        let user = get(root, "user").map(|value| filled(value, "user")).transpose()?;
        let log = get(root, "log").map(|value| section(value, "log")).transpose()?;
        let api = get(root, "api").map(|value| section(value, "api")).transpose()?;
        log.map_or(Ok(()), |log| refuse_strangers(log, LOG_KEYS))?;
        api.map_or(Ok(()), |api| refuse_strangers(api, API_KEYS))?;
        let word = |table: Option<&DeTable<'_>>, name: &str| -> Result<Option<(usize, String)>, Fault> {
            let value = table.and_then(|table| get(table, name));
            value.map(|value: &Spanned<DeValue<'_>>| Ok((value.span().start, filled(value, name)?))).transpose()
        };
        let log_level = word(log, "level")?.map(|(at, text)| text.parse().map_err(|what| (at, what))).transpose()?;
        let log_format = word(log, "format")?.map(|(at, text)| text.parse().map_err(|what| (at, what))).transpose()?;
        let api = word(api, "listen")?.map(|(at, text)| text.parse().map_err(|what| (at, what))).transpose()?;
        Ok(Self { user, log_level, log_format, api })
    }

    /// What these say, and the others where these say nothing.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            user: self.user.or(others.user),
            log_level: self.log_level.or(others.log_level),
            log_format: self.log_format.or(others.log_format),
            api: self.api.or(others.api),
        }
    }
}

impl std::str::FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.starts_with('/') { Ok(Self::Unix(path.into())) } else { Err("after `unix:` stands a path from the root".to_owned()) };
        }
        text.parse().map(Self::Tcp).map_err(|_| "write an address and a port, as 127.0.0.1:9469, or unix:/run/wirecensus/api.sock".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn operation_is_read_from_its_tables() {
        let text = "user = \"wirecensus\"\n[log]\nlevel = \"debug\"\nformat = \"json\"\n[api]\nlisten = \"unix:/run/wirecensus/api.sock\"\n";
        let read = Config::parse("w.toml", text).unwrap().operating;
        assert_eq!(read.api, Some(Listen::Unix("/run/wirecensus/api.sock".into())));
        assert_eq!((read.user.as_deref(), read.log_level, read.log_format), (Some("wirecensus"), Some(Level::Debug), Some(Format::Json)));
    }

    #[test]
    fn what_is_wrong_in_them_is_told_with_its_line() {
        let error = |text: &str| Config::parse("w.toml", text).unwrap_err().to_string();
        assert_eq!(error("[log]\nlevel = \"loud\""), "w.toml:2: a level is error, warn, info, debug or trace");
        assert_eq!(error("[log]\nformats = \"json\""), "w.toml:2: unknown key `formats`: did you mean `format`?");
        assert_eq!(error("log = 1"), "w.toml:1: `log` is a table: begin it with [log]");
        assert!(error("[api]\nlisten = \"localhost\"").starts_with("w.toml:2: write an address and a port"));
        assert!(error("[api]\nlisten = \"unix:x\"").starts_with("w.toml:2: after `unix:`"));
    }
}
