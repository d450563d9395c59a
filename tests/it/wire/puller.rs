//! A scanner that knows nothing but what it was handed.

use registry_intake::{
    config::{CaMode, ProxyScheme},
    connector::{PullAccess, PullCredential},
};
use reqwest::{Certificate, Client, Identity, Proxy, Response};
use serde_json::Value;
use std::net::SocketAddr;
use url::Url;

pub(super) async fn client(access: &PullAccess) -> Client {
    let mut builder = Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .tls_danger_accept_invalid_certs(access.tls.insecure);
    let dialled = access.dial.map(|address| (access.host.clone(), address));
    for (name, address) in dialled.into_iter().chain(access.hosts.clone()) {
        builder = builder.resolve(&name, SocketAddr::new(address, 0));
    }
    if let Some(bundle) = &access.tls.ca_bundle {
        let bundle = Certificate::from_pem_bundle(bundle.read().unwrap().as_bytes()).unwrap();
        builder = match access.tls.ca_mode {
            CaMode::Add => builder.tls_certs_merge(bundle),
            CaMode::Replace => builder.tls_certs_only(bundle),
        };
    }
    if let Some(identity) = &access.tls.client_identity {
        let certificate = identity.certificate.read().unwrap();
        let key = identity.key.resolve().await.unwrap();
        let pem = format!("{}\n{certificate}", key.expose());
        builder = builder.identity(Identity::from_pem(pem.as_bytes()).unwrap());
    }
    if let Some(proxy) = access.proxy.clone() {
        assert_eq!(proxy.scheme, ProxyScheme::Http);
        let password = match &proxy.password {
            Some(password) => Some(password.resolve().await.unwrap()),
            None => None,
        };
        let url: Url = format!("http://{}", proxy.authority()).parse().unwrap();
        let username = proxy.username.clone();
        let mut way = Proxy::custom(move |target| {
            let host = target.host_str()?;
            proxy.is_for(host).then(|| url.clone())
        });
        if let (Some(username), Some(password)) = (username, password) {
            way = way.basic_auth(&username, password.expose());
        }
        builder = builder.proxy(way);
    }
    builder.build().unwrap()
}

/// The manifest, by the token that the challenge's realm gives, where the access lets the credential go
/// there.
pub(super) async fn pull(access: &PullAccess) -> Result<Response, String> {
    let client = client(access).await;
    let location = &access.location;
    let url = format!(
        "{}://{}:{}/v2/{}/manifests/{}",
        access.protocol, access.host, access.port, location.repository, location.digest
    );
    let ask = async |token: &str| {
        let request = client.get(&url).header("accept", "*/*");
        let request = if token.is_empty() {
            request
        } else {
            request.bearer_auth(token)
        };
        request.send().await.map_err(|error| format!("{error:?}"))
    };
    let (username, password) = match &access.credential {
        PullCredential::Basic { username, password } => (username, password),
        PullCredential::Bearer { token } => return ask(token.expose()).await,
        other => panic!("{other:?}"),
    };
    let refused = ask("").await?;
    let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
    let value = |name: &str| {
        let (_, rest) = challenge.split_once(&format!("{name}=\""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    let mut realm: Url = value("realm").unwrap().parse().unwrap();
    let host = realm.host_str().unwrap().to_owned();
    if host != access.host && !access.realm_hosts.contains(&host) {
        return Err(format!("no credential for {host}"));
    }
    for name in ["service", "scope"] {
        if let Some(value) = value(name) {
            realm.query_pairs_mut().append_pair(name, &value);
        }
    }
    let request = client
        .get(realm)
        .basic_auth(username, Some(password.expose()));
    let answer = request.send().await.map_err(|error| format!("{error:?}"))?;
    let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    ask(answer["token"].as_str().unwrap()).await
}
