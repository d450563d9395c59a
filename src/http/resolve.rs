use std::{
    collections::HashMap,
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::{net::lookup_host, time::timeout};

use super::{client::ConnectionSettings, connecting};
use crate::{
    error::{BoxError, RefusedAddress},
    network::EgressPolicy,
};

/// The system's resolver behind the egress guard, asked at each connection, so that what is judged is
/// what is dialled. A name with a dial override is not looked up.
///
/// It is asked for names only: literals are judged before the request.
#[derive(Debug)]
pub(super) struct GuardedResolver {
    timeout: Duration,
    overrides: HashMap<String, IpAddr>,
    egress: EgressPolicy,
    lookup: Lookup,
}

/// Asks for the addresses of a name.
#[derive(Clone)]
pub(crate) struct Lookup(Arc<dyn Fn(String) -> Answered + Send + Sync>);

type Answered = BoxFuture<'static, io::Result<Vec<SocketAddr>>>;

impl Lookup {
    /// By the system's resolver.
    pub(super) fn by_the_system() -> Self {
        Self::new(|name| Box::pin(async move { Ok(lookup_host((name, 0)).await?.collect()) }))
    }

    pub(super) fn new(ask: impl Fn(String) -> Answered + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookup").finish_non_exhaustive()
    }
}

impl GuardedResolver {
    /// A resolver that gives up a little before the whole connection attempt would, so that a
    /// silent name server is not taken for a silent registry.
    pub(super) fn new(settings: &ConnectionSettings) -> Self {
        Self {
            timeout: settings.connect_timeout / 5 * 4,
            overrides: settings.overrides().collect(),
            egress: settings.egress.clone(),
            lookup: settings.lookup.clone(),
        }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let egress = self.egress.clone();
        if let Some(address) = self.overrides.get(name.as_str()) {
            // Port 0 stands for the port of the request.
            let found = vec![SocketAddr::new(*address, 0)];
            return Box::pin(async move {
                Ok(Box::new(admitted(found, &egress)?.into_iter()) as Addrs)
            });
        }
        let found = timeout(self.timeout, (self.lookup.0)(name.as_str().to_owned()));
        Box::pin(async move {
            connecting::looking_up();
            let found = found
                .await
                .map_err(io::Error::from)
                .flatten()
                .map_err(Unresolved)?;
            connecting::looked_up();
            let addresses = admitted(found, &egress)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// The addresses that may be dialled. One that may not spoils the answer only where no other is
/// left: a machine's own name often carries a link-local address beside its real one.
fn admitted(found: Vec<SocketAddr>, egress: &EgressPolicy) -> Result<Vec<SocketAddr>, BoxError> {
    let mut refused = None;
    let addresses: Vec<_> = found
        .into_iter()
        .filter(|socket| match egress.refusal(socket.ip()) {
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

/// The name resolves to addresses that are not dialled alone.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("{address} is not dialled: {rule}")]
pub(super) struct Refused {
    pub(super) address: IpAddr,
    pub(super) rule: RefusedAddress,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{
        error::{ErrorContext, IntegrationError, NetworkPhase, Step},
        http::fault::classify,
        image::RegistryKind,
    };

    fn sockets(addresses: &[&str]) -> Vec<SocketAddr> {
        addresses
            .iter()
            .map(|address| SocketAddr::new(address.parse().unwrap(), 0))
            .collect()
    }

    #[test]
    fn a_name_that_leads_to_the_metadata_service_alone_is_refused() {
        let error = admitted(sockets(&["169.254.169.254"]), &EgressPolicy::new()).unwrap_err();
        let refused = error.downcast_ref::<Refused>().unwrap();
        assert_eq!(refused.rule, RefusedAddress::Metadata);
    }

    #[test]
    fn refused_addresses_are_left_out_of_an_answer_that_holds_others() {
        let found = sockets(&["fe80::1", "10.0.0.1", "169.254.169.254"]);
        assert_eq!(
            admitted(found, &EgressPolicy::new()).unwrap(),
            sockets(&["10.0.0.1"])
        );
    }

    #[test]
    fn a_name_without_addresses_does_not_resolve() {
        let error = admitted(Vec::new(), &EgressPolicy::new()).unwrap_err();
        assert!(error.is::<Unresolved>());
    }

    const ATTEMPT: Duration = Duration::from_millis(250);

    async fn asked(
        lookup: impl Fn(String) -> Answered + Send + Sync + 'static,
    ) -> IntegrationError {
        let origin = "http://rebound.example".parse().unwrap();
        let resolver = GuardedResolver::new(&ConnectionSettings {
            connect_timeout: ATTEMPT,
            lookup: Lookup::new(lookup),
            ..ConnectionSettings::to(RegistryKind::Quay, origin)
        });
        let client = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(ATTEMPT)
            .dns_resolver(resolver)
            .build()
            .unwrap();
        let error = client
            .get("http://rebound.example/")
            .send()
            .await
            .unwrap_err();
        let context = ErrorContext::new(RegistryKind::Quay, "rebound.example:80", Step::Dns);
        classify(error, context)
    }

    #[tokio::test]
    async fn a_name_that_was_pointed_at_the_metadata_service_is_refused_by_its_rule() {
        let error = asked(|_| Box::pin(async { Ok(sockets(&["169.254.169.254"])) })).await;
        let IntegrationError::AddressRefused { address, rule, .. } = error else {
            panic!("{error:?}");
        };
        assert_eq!(address.to_string(), "169.254.169.254");
        assert_eq!(rule, RefusedAddress::Metadata);
    }

    #[tokio::test]
    async fn a_name_server_that_says_nothing_is_a_dns_failure() {
        let error = asked(|_| Box::pin(std::future::pending())).await;
        let IntegrationError::NetworkConnectError { phase, .. } = error else {
            panic!("{error:?}");
        };
        assert_eq!(phase, NetworkPhase::Dns);
    }
}
