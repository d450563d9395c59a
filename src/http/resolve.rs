use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::{
    error::{BoxError, RefusedAddress},
    network::refusal,
};

/// The system's resolver behind the egress guard.
///
/// It is asked for names only: literals and the dial override are checked before the request.
#[derive(Debug)]
pub(super) struct GuardedResolver {
    timeout: Duration,
}

impl GuardedResolver {
    /// A resolver that gives up a little before the whole connection attempt would, so that a
    /// silent name server is not taken for a silent registry.
    pub(super) fn within(connect_timeout: Duration) -> Self {
        Self {
            timeout: connect_timeout * 4 / 5,
        }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let timeout = self.timeout;
        Box::pin(async move {
            let lookup = tokio::net::lookup_host((name.as_str(), 0));
            let found = tokio::time::timeout(timeout, lookup)
                .await
                .map_err(io::Error::from)
                .flatten()
                .map_err(Unresolved)?;
            let addresses = admitted(found)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// The addresses that may be dialled. One that may not spoils the answer only where no other is
/// left: a machine's own name often carries a link-local address beside its real one.
fn admitted(found: impl Iterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, BoxError> {
    let mut refused = None;
    let addresses: Vec<_> = found
        .filter(|socket| match refusal(socket.ip()) {
            None => true,
            Some(rule) => {
                refused = Some(Refused {
                    address: socket.ip(),
                    rule,
                });
                false
            }
        })
        .collect();
    match (addresses.is_empty(), refused) {
        (false, _) => Ok(addresses),
        (true, Some(refused)) => Err(refused.into()),
        (true, None) => Err(Unresolved(io::ErrorKind::NotFound.into()).into()),
    }
}

/// The name does not resolve.
#[derive(Debug, thiserror::Error)]
#[error("the name does not resolve")]
pub(super) struct Unresolved(#[source] io::Error);

/// The name resolves to addresses that are never dialled.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("{address} is never dialled: {rule}")]
pub(super) struct Refused {
    pub(super) address: IpAddr,
    pub(super) rule: RefusedAddress,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn sockets(addresses: &[&str]) -> Vec<SocketAddr> {
        addresses
            .iter()
            .map(|address| SocketAddr::new(address.parse().unwrap(), 0))
            .collect()
    }

    #[test]
    fn a_name_that_leads_to_the_metadata_service_alone_is_refused() {
        let error = admitted(sockets(&["169.254.169.254"]).into_iter()).unwrap_err();
        let refused = error.downcast_ref::<Refused>().unwrap();
        assert_eq!(refused.rule, RefusedAddress::Metadata);
    }

    #[test]
    fn refused_addresses_are_left_out_of_an_answer_that_holds_others() {
        let found = sockets(&["fe80::1", "10.0.0.1", "169.254.169.254"]);
        assert_eq!(admitted(found.into_iter()).unwrap(), sockets(&["10.0.0.1"]));
    }

    #[test]
    fn a_name_without_addresses_does_not_resolve() {
        let error = admitted(std::iter::empty()).unwrap_err();
        assert!(error.is::<Unresolved>());
    }
}
