//! What a running program cannot change. Invariant: a change of these is never taken over in part;
//! it is reported, and a restart puts it in force.

use std::{net::SocketAddr, path::PathBuf};

use super::super::Config;
use crate::{
    net::{Limits, ListenerSettings},
    telemetry::audit,
};

/// The settings of one configuration that are read at the start only.
#[derive(Clone, Debug)]
pub(super) struct Fixed {
    listeners: Vec<FixedListener>,
    admin: SocketAddr,
    /// `None`: standard error.
    audit: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct FixedListener {
    address: SocketAddr,
    proxy_protocol_from: Vec<ipnet::IpNet>,
    connections_max: usize,
    limits: Limits,
}

impl Fixed {
    pub(super) fn of(config: &Config) -> Self {
        let audit = match &config.audit {
            audit::Target::Stderr => None,
            audit::Target::File(path) => Some(path.clone()),
        };
        let listeners = config.listeners.iter().map(|listener| fixed(&listener.settings));
        Self { listeners: listeners.collect(), admin: config.admin, audit }
    }

    /// Names what differs, as the subject of a sentence. Addresses and TLS of listeners are not
    /// looked at: who takes a version over compares them with what is bound.
    pub(super) fn differences(&self, new: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        for listener in &self.listeners {
            let same_address = |other: &&FixedListener| other.address == listener.address;
            if new.listeners.iter().find(same_address).is_some_and(|other| other != listener) {
                differences
                    .push(format!("`proxy_protocol_from` or a limit of {}", listener.address));
            }
        }
        if self.admin != new.admin {
            differences.push("the admin listener's address".to_owned());
        }
        if self.audit != new.audit {
            differences.push("the audit log's file".to_owned());
        }
        differences
    }
}

fn fixed(settings: &ListenerSettings) -> FixedListener {
    FixedListener {
        address: settings.address,
        proxy_protocol_from: settings.proxy_protocol_from.clone(),
        connections_max: settings.connections_max,
        limits: settings.limits,
    }
}

#[cfg(test)]
mod tests {
    use super::{Fixed, FixedListener, Limits};

    fn fixed() -> Fixed {
        let address = "127.0.0.1:8443".parse().unwrap();
        let listener = FixedListener {
            address,
            proxy_protocol_from: vec![],
            connections_max: 1,
            limits: Limits::default(),
        };
        Fixed { listeners: vec![listener], admin: address, audit: None }
    }

    #[test]
    fn each_difference_is_named() {
        assert_eq!(fixed().differences(&fixed()), [""; 0]);
        let mut new = fixed();
        new.listeners[0].connections_max = 2;
        new.admin.set_port(9);
        new.audit = Some("audit.jsonl".into());
        let expected = [
            "`proxy_protocol_from` or a limit of 127.0.0.1:8443",
            "the admin listener's address",
            "the audit log's file",
        ];
        assert_eq!(fixed().differences(&new), expected);
    }
}
