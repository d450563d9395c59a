//! Alibaba Cloud Container Registry (ACR), both editions.
//!
//! No live service could be tried. Signatures and requests are those of the vendor's own SDKs, answers
//! follow their models, and where the sources leave a fact open, both readings are accepted and a
//! comment says so.
//!
//! | call of the Enterprise edition (2018-12-01) | used for |
//! |---|---|
//! | `GetInstance`, `ListInstance` | the instance by id or by exact name, and whether it runs |
//! | `ListRepository` | its repositories, 100 a page, of all namespaces where the server allows it |
//! | `ListNamespace` | the namespaces, where it does not |
//! | `GetInstanceUsage` | how many repositories there are, as the proof of their list |
//! | `ListRepoTag` | a repository's tags, 100 a page |
//! | `GetRepository`, `GetRepoTag` | one image by its tag |
//! | `GetInstanceVpcEndpoint`, `GetInstanceEndpoint` | access over a VPC, and the registry's domains |
//! | `GetAuthorizationToken` | the right to pull |
//!
//! | call of the Personal edition (2016-06-07) | used for |
//! |---|---|
//! | `GET /repos` | the repositories, 100 a page, of all namespaces where the server allows it |
//! | `GET /namespace`, `GET /repos/{namespace}` | the same by namespace, where it does not |
//! | `GET /repos/{namespace}/{repository}/tags` | a repository's tags |
//! | `GET /repos/{namespace}/{repository}/tags/{tag}` | one image by its tag |
//! | `GET /repos/{namespace}/{repository}` | the registry's domains |
//! | `GET /tokens` | the right to pull |

mod api;
mod connection;
mod credentials;
mod edition;
pub(in crate::connector) mod enterprise;
mod fault;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod listing;
pub(in crate::connector) mod personal;
mod pull;
mod reading;
mod resolve;
mod signature;
mod signer;
#[cfg(test)]
mod tests;
mod wire;
