//! What a conversation must be for a rule to hold of its ends.

use observations::{OperationClass, Transport};
use serde::Deserialize;

/// As written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawTalks {
    /// Wireshark's names, or `@group`.
    pub(crate) protocol: Vec<String>,
    /// What one of its operations must do.
    #[serde(default)]
    classes: Vec<String>,
    /// Names of operations, of which one must be among them.
    #[serde(default)]
    operations: Vec<String>,
    /// Names of operations that do not count.
    #[serde(default)]
    except: Vec<String>,
    /// Whose finding it is.
    #[serde(default)]
    whom: Ends,
    /// Where the two are.
    #[serde(default)]
    between: Option<Between>,
    /// The transport, where it matters.
    #[serde(default)]
    transport: Option<String>,
    /// Both must have spoken.
    #[serde(default)]
    answered: bool,
    /// One of the two must be a device of the process: it serves in one of its protocols.
    #[serde(default)]
    of_process: bool,
    /// What the side that asks must be.
    #[serde(default)]
    asker: Option<Asker>,
    /// Types of device, one of which the side that is asked must be.
    #[serde(default)]
    server_type: Vec<String>,
}

impl RawTalks {
    /// Whether it asks in which zones the two are.
    pub(crate) fn rests_on_zones(&self) -> bool {
        self.between == Some(Between::Zones)
    }

    /// Whether it asks what the client is.
    pub(crate) fn rests_on_stations(&self) -> bool {
        self.asker == Some(Asker::NotEngineering)
    }
}

/// Whose finding it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Ends {
    /// The side that is asked.
    Server,
    /// The side that asks.
    Client,
    /// Both.
    #[default]
    Both,
}

/// Where the two ends are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Between {
    /// The server is beyond the routers, at a public address.
    ServerOutside,
    /// The client is.
    ClientOutside,
    /// They are in two zones.
    Zones,
}

/// What the side that asks must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Asker {
    /// Nobody's list has it, or it did not ask this server before.
    New,
    /// No engineering station.
    NotEngineering,
}

/// Ready to be tried.
#[derive(Clone)]
pub(crate) struct Talks {
    classes: Vec<OperationClass>,
    operations: Vec<String>,
    except: Vec<String>,
    pub(crate) whom: Ends,
    pub(crate) between: Option<Between>,
    transport: Option<Transport>,
    answered: bool,
    pub(crate) of_process: bool,
    pub(crate) asker: Option<Asker>,
    pub(crate) server_type: Vec<String>,
}

impl Talks {
    pub(crate) fn of(raw: &RawTalks) -> Result<Self, String> {
        let class = |name: &String| {
            let found = OperationClass::ALL.iter().copied().find(|class| class.name() == name);
            found.ok_or(format!("there is no class of operations {name}"))
        };
        let transport = |name: &String| Transport::from_name(name).ok_or(format!("there is no transport {name}"));
        Ok(Self {
            classes: raw.classes.iter().map(class).collect::<Result<_, _>>()?,
            operations: raw.operations.clone(),
            except: raw.except.clone(),
            whom: raw.whom,
            between: raw.between,
            transport: raw.transport.as_ref().map(transport).transpose()?,
            answered: raw.answered,
            of_process: raw.of_process,
            asker: raw.asker,
            server_type: raw.server_type.clone(),
        })
    }

    /// Whether it asks for nothing but the protocol and what is cheap to know.
    pub(crate) fn may_hold(&self, transport: Transport, both: bool) -> bool {
        self.transport.is_none_or(|wanted| wanted == transport) && (both || !self.answered)
    }

    pub(crate) const fn needs_operations(&self) -> bool {
        !self.classes.is_empty() || !self.operations.is_empty()
    }

    /// Whether an operation is one that it asks for.
    pub(crate) fn counts(&self, name: &str, class: OperationClass) -> bool {
        let named = self.operations.iter().any(|wanted| wanted == name);
        (named || self.classes.contains(&class)) && !self.except.iter().any(|not| not == name)
    }
}
