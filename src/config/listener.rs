//! `[[listener]]` and `[admin]`. Invariant: certificates and keys that leave here were read and
//! checked, once, and a start or reload uses what was checked.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use ipnet::IpNet;
use rustls::ServerConfig;

use super::{
    Certificate, Fault, Listener,
    loading::Loading,
    source::{At, Place},
    suggest::quoted,
    written,
};
use crate::net::{Limits, ListenerSettings, tls};

impl Loading<'_> {
    /// All listeners; at least one, no two on the same address.
    pub(super) fn listeners(
        &mut self,
        written: &[written::Listener],
        file: &Place,
    ) -> Vec<Listener> {
        if written.is_empty() {
            self.faults.push(file.fault(
                "no `[[listener]]` stands here; write one with `address = \"0.0.0.0:8443\"`",
            ));
        }
        let mut taken = Vec::new();
        written.iter().filter_map(|listener| self.listener(listener, &mut taken)).collect()
    }

    /// The address of the admin listener, which none of the others may have.
    pub(super) fn admin(
        &mut self,
        section: Option<&written::Admin>,
        listeners: &[Listener],
        file: &Place,
    ) -> Option<SocketAddr> {
        let mut taken: Vec<_> = listeners.iter().map(|l| l.settings.address).collect();
        let Some(section) = section else {
            if taken.iter().any(|other| collide(ADMIN_DEFAULT, *other)) {
                return self.fault(file.fault(format!(
                    "a listener has {ADMIN_DEFAULT}, where the admin listener is unless the \
                     section `[admin]` gives it another `address`"
                )));
            }
            return Some(ADMIN_DEFAULT);
        };
        let written = section.address.as_ref()?;
        let address = self.untaken(written, &mut taken)?;
        if !address.ip().is_loopback() {
            self.warnings.push(written.fault(
                "the admin listener is not on loopback: whoever reaches it reads metrics and \
                 state without a credential",
            ));
        }
        Some(address)
    }

    fn listener(
        &mut self,
        written: &written::Listener,
        taken: &mut Vec<SocketAddr>,
    ) -> Option<Listener> {
        let address = written.address.as_ref().and_then(|address| self.untaken(address, taken));
        let proxy_protocol_from = self.networks(&written.proxy_protocol_from);
        let connections_max = self.within(
            written.connections_max.as_ref(),
            1..=CONNECTIONS_MAX_MOST,
            CONNECTIONS_MAX_DEFAULT,
        );
        let limits = self.limits(written);
        let tls = match &written.tls {
            Some(written) => Some(self.tls(written)?),
            None => None,
        };
        let (tls_settings, tls, certificates) = match tls {
            Some(Loaded { settings, config, certificates }) => {
                (Some(settings), Some(config), certificates)
            }
            None => (None, None, Vec::new()),
        };
        let settings = ListenerSettings {
            address: address?,
            tls: tls_settings,
            proxy_protocol_from,
            connections_max: usize::try_from(connections_max).ok()?,
            limits,
        };
        Some(Listener { settings, tls, certificates })
    }

    fn limits(&mut self, written: &written::Listener) -> Limits {
        let default = Limits::default();
        let head_bytes_max = self.within(
            written.head_bytes_max.as_ref(),
            HEAD_BYTES_LEAST..=HEAD_BYTES_MOST,
            default.head_bytes_max as u64,
        );
        let mut timeout = |written: Option<&At<u64>>, default: Duration| {
            Duration::from_secs(self.within(written, 1..=TIMEOUT_MOST_SECONDS, default.as_secs()))
        };
        Limits {
            header_timeout: timeout(
                written.header_timeout_seconds.as_ref(),
                default.header_timeout,
            ),
            idle_timeout: timeout(written.idle_timeout_seconds.as_ref(), default.idle_timeout),
            head_bytes_max: usize::try_from(head_bytes_max).unwrap_or(default.head_bytes_max),
        }
    }

    fn address(&mut self, written: &At<String>) -> Option<SocketAddr> {
        match written.value.parse() {
            Ok(address) => Some(address),
            Err(_) => self.fault(written.fault(format!(
                "{} is not an IP address and port; write such as \"0.0.0.0:8443\" or \"[::]:8443\"",
                quoted(&written.value)
            ))),
        }
    }

    /// An address that no other listener has.
    fn untaken(&mut self, written: &At<String>, taken: &mut Vec<SocketAddr>) -> Option<SocketAddr> {
        let address = self.address(written)?;
        if let Some(other) = taken.iter().find(|other| collide(address, **other)) {
            return self.fault(written.fault(format!("another listener has {other} already")));
        }
        taken.push(address);
        Some(address)
    }

    fn networks(&mut self, written: &[At<String>]) -> Vec<IpNet> {
        written.iter().filter_map(|network| self.network(network)).collect()
    }

    fn network(&mut self, written: &At<String>) -> Option<IpNet> {
        match written.value.parse::<IpNet>() {
            Ok(network) => Some(network),
            Err(_) => self.fault(written.fault(format!(
                "{} is not a network; write such as \"10.0.0.0/8\", for one host \"10.0.0.7/32\"",
                quoted(&written.value)
            ))),
        }
    }

    fn tls(&mut self, written: &written::Tls) -> Option<Loaded> {
        let client_ca = written.client_ca.as_ref().map(|named| self.path(named));
        let listed = written.certificates.as_ref()?;
        if listed.value.is_empty() {
            return self.fault(listed.fault("the list is empty; name a certificate and its key"));
        }
        let certificates: Vec<_> =
            listed.value.iter().filter_map(|pair| self.certificate(pair)).collect();
        if certificates.len() != listed.value.len() {
            return None;
        }
        let settings = tls::Settings { certificates, client_ca };
        match tls::load(&settings, self.now) {
            Ok(tls::Loaded { server, certificates }) => {
                let certificates = certificates.into_iter().map(|leaf| self.leaf(leaf)).collect();
                Some(Loaded { settings, config: server, certificates })
            }
            Err(faults) => {
                self.faults.extend(faults.into_iter().map(|fault| Fault {
                    path: fault.path,
                    place: None,
                    message: fault.message,
                }));
                None
            }
        }
    }

    fn certificate(&mut self, written: &written::Certificate) -> Option<tls::CertificateFiles> {
        let certificate = written.certificate.as_ref().map(|named| self.path(named));
        let key = written.key.as_ref().map(|named| self.path(named));
        Some(tls::CertificateFiles { certificate: certificate?, key: key? })
    }

    /// A certificate that ends soon is warned of.
    fn leaf(&mut self, leaf: tls::CertificateInfo) -> Certificate {
        let left = leaf.not_after.duration_since(self.now).unwrap_or_default();
        if left < EXPIRY_WARNING {
            let days = left.as_secs() / SECONDS_A_DAY;
            let message =
                format!("this certificate ends in {days} days; put a new one in its place");
            self.warnings.push(Place::whole(&leaf.path).fault(message));
        }
        Certificate { path: leaf.path, not_after: leaf.not_after }
    }
}

/// TLS of one listener, its files read.
struct Loaded {
    settings: tls::Settings,
    config: Arc<ServerConfig>,
    certificates: Vec<Certificate>,
}

/// Whether two sockets cannot both listen there. Any number may ask for a free port.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let same_family = one.is_ipv4() == other.is_ipv4();
    let every = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0
        && one.port() == other.port()
        && (one.ip() == other.ip() || same_family && every)
}

/// Where the admin listener is unless `[admin]` says otherwise.
const ADMIN_DEFAULT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9090);
/// Open connections of a listener unless `connections_max` says otherwise.
const CONNECTIONS_MAX_DEFAULT: u64 = 4096;
/// The most that `connections_max` may say: beyond the file descriptors of any usual machine.
const CONNECTIONS_MAX_MOST: u64 = 1_000_000;
const HEAD_BYTES_LEAST: u64 = Limits::HEAD_BYTES_LEAST as u64;
/// The most that `head_bytes_max` may say: beyond every client's heads, times all connections.
const HEAD_BYTES_MOST: u64 = 1024 * 1024;
/// No connection waits longer than an hour.
const TIMEOUT_MOST_SECONDS: u64 = 3600;
/// A certificate that ends sooner than this is warned of.
const EXPIRY_WARNING: Duration = Duration::from_hours(14 * 24);
const SECONDS_A_DAY: u64 = 24 * 60 * 60;
