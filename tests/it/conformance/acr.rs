//! Both editions of ACR, with the same contents.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use registry_intake::{
    clock::Clock,
    conformance::{Shown, Subject},
    connector::RegistryConnector,
    simulator::{AcrEnterprise, AcrEnterpriseBuilder, AcrPersonal, Faults, RequestLog, acr},
};

/// Pages of several lengths, an empty repository, and in one 520 tags of one digest.
fn filled(mut contents: acr::Contents) -> acr::Contents {
    for namespace in ["apps", "base", "doomed", "none"] {
        contents.create_namespace(acr::Namespace::new(namespace));
    }
    let tags = (0..520).fold(acr::Push::image(), |push, night| {
        push.tag(&format!("nightly-{night:03}"))
    });
    contents.push("apps/nightly", tags);
    for number in 0..9 {
        let path = format!("base/name-{number}");
        contents.push(&path, acr::Push::image().tag("1").tag("latest"));
    }
    contents.create_repository(acr::Repository::private("base/empty"));
    contents.push("doomed/one", acr::Push::image().tag("a"));
    contents
}

fn change_acr(contents: &mut acr::Contents, seed: u64) {
    let path = format!("base/name-{}", seed / 5 % 5);
    let listed = contents.listed();
    let digest = listed.iter().find(|row| row.repository == path);
    let digest = digest.map_or("", |row| row.digest.as_str()).to_owned();
    match seed % 5 {
        0 => drop(contents.push(&path, acr::Push::image().tag("1"))),
        1 => drop(contents.push(&format!("base/new-{seed}"), acr::Push::image().tag("1"))),
        2 => drop(contents.tag(&path, &digest, "moved")),
        3 => drop(contents.delete_tag(&path, "latest")),
        _ => drop(contents.push("none/first", acr::Push::image().tag("1"))),
    }
}

macro_rules! acr_subject {
    ($subject:ident, $simulator:ident, $config:path, $lists:expr, $entries:expr) => {
        pub(super) struct $subject {
            acr: Arc<$simulator>,
            clock: Arc<dyn Clock>,
        }

        impl Subject for $subject {
            fn connector(&self) -> Arc<dyn RegistryConnector> {
                crate::acr::connector(
                    $config(&self.acr).read_timeout(Duration::from_millis(300)),
                    &self.clock,
                )
            }

            fn contents(&self) -> BTreeSet<Shown> {
                crate::acr::shown(self.acr.listed())
            }

            fn faults(&self) -> &Faults {
                self.acr.faults()
            }

            fn log(&self) -> &RequestLog {
                self.acr.log()
            }

            fn scope_lists(&self) -> &[&str] {
                $lists
            }

            fn entries(&self) -> &str {
                $entries
            }

            /// A key has no log-in that could fail, but every signature is checked.
            fn failed_logins(&self) -> u64 {
                self.acr.keys().refused($simulator::ACCESS_KEY_ID)
            }

            fn change_password_after(&self, requests: u64) {
                let due = self.acr.log().total() + requests + 1;
                let server = Arc::downgrade(&self.acr);
                self.acr.before_request(move |number, _, _| {
                    if let Some(acr) = server.upgrade().filter(|_| number == due) {
                        let key = acr::AccessKey::new($simulator::ACCESS_KEY_ID, "another");
                        acr.keys().add(key);
                    }
                });
            }

            fn change(&self, seed: u64) -> bool {
                self.acr.change(|contents| change_acr(contents, seed));
                true
            }

            fn delete_scope_after(&self, requests: u64) {
                let due = self.acr.log().total() + requests + 1;
                self.acr.before_request(move |number, _, contents| {
                    if number == due {
                        contents.delete_repository("doomed/one");
                    }
                });
            }
        }
    };
}

/// By which the Enterprise edition is asked for the tags of the repository that has many.
const NIGHTLY_TAGS: &str = "RepoId=crr-nightly000000001";

acr_subject!(
    EnterpriseSubject,
    AcrEnterprise,
    crate::acr::of_enterprise,
    &["RepoStatus=NORMAL"],
    NIGHTLY_TAGS
);
acr_subject!(
    PersonalSubject,
    AcrPersonal,
    crate::acr::of_personal,
    &["/repos?"],
    "/repos/apps/nightly/tags"
);

impl EnterpriseSubject {
    pub(super) async fn start(
        clock: Arc<dyn Clock>,
        set_up: impl FnOnce(AcrEnterpriseBuilder) -> AcrEnterpriseBuilder,
    ) -> Self {
        let mut contents = acr::Contents::empty();
        contents.create_namespace(acr::Namespace::new("apps"));
        let id = NIGHTLY_TAGS.split_once('=').unwrap().1;
        contents.create_repository(acr::Repository::private("apps/nightly").id(id));
        let builder = set_up(AcrEnterprise::builder()).contents(filled(contents));
        let acr = builder.clock(Arc::clone(&clock)).start().await.unwrap();
        Self {
            acr: Arc::new(acr),
            clock,
        }
    }
}

impl PersonalSubject {
    pub(super) async fn start(clock: Arc<dyn Clock>) -> Self {
        let builder = AcrPersonal::builder().contents(filled(acr::Contents::empty()));
        let acr = builder.clock(Arc::clone(&clock)).start().await.unwrap();
        Self {
            acr: Arc::new(acr),
            clock,
        }
    }
}
