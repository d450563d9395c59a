//! Every connector against the one suite.

mod acr;

use std::{
    collections::BTreeSet,
    sync::{Arc, Weak},
    time::Duration,
};

use registry_intake::{
    clock::{Clock, SystemClock},
    config::{IntegrationConfigBuilder, Secret, SessionUse},
    conformance::{Shown, Subject},
    connector::RegistryConnector,
    inventory::{Inventory, SqliteInventory},
    simulator::{
        Faults, HarborV1, HarborV2, Platform, Quay, RequestLog, harbor_v1,
        harbor_v2::{Contents, Project, Push, Release},
        quay,
    },
};

use self::acr::{EnterpriseSubject, PersonalSubject};
use crate::harbor_v2::{as_admin, as_robot, connector, jumping_clock};

struct Harbor {
    harbor: Arc<HarborV2>,
    clock: Arc<dyn Clock>,
    account: fn(&HarborV2) -> IntegrationConfigBuilder,
    user: &'static str,
    patience: Duration,
}

impl Harbor {
    async fn as_admin(release: Release, clock: Arc<dyn Clock>) -> Self {
        Self::start(release, clock, as_admin, HarborV2::USERNAME).await
    }

    async fn by_session(release: Release, clock: Arc<dyn Clock>) -> Self {
        let account = |harbor: &HarborV2| as_admin(harbor).session(SessionUse::Always);
        Self::start(release, clock, account, HarborV2::USERNAME).await
    }

    async fn as_robot(release: Release, clock: Arc<dyn Clock>) -> Self {
        Self::start(release, clock, as_robot, HarborV2::ROBOT_USERNAME).await
    }

    async fn start(
        release: Release,
        clock: Arc<dyn Clock>,
        account: fn(&HarborV2) -> IntegrationConfigBuilder,
        user: &'static str,
    ) -> Self {
        let builder = HarborV2::builder().release(release).contents(contents());
        let harbor = builder.clock(Arc::clone(&clock)).start().await.unwrap();
        Self {
            harbor: Arc::new(harbor),
            clock,
            account,
            user,
            patience: Duration::from_millis(300),
        }
    }

    /// For a simulator that holds back a refusal in real time, and shows nothing to strangers:
    /// what they may see is answered to a wrong password too, and costs it a log-in in silence.
    fn private(mut self) -> Self {
        self.patience = Duration::from_secs(10);
        self.harbor
            .change(|contents| contents.delete_project("library"));
        self
    }

    fn lists_projects_artifacts(&self) -> bool {
        self.harbor.release() >= Release::V2_11
    }

    /// Does something when so many more requests have come.
    fn after(&self, requests: u64, act: impl Fn(&HarborV2) + Send + Sync + 'static) {
        let server: Weak<HarborV2> = Arc::downgrade(&self.harbor);
        let due = self.harbor.log().total() + requests + 1;
        self.harbor.before_request(move |number, _, _| {
            if let Some(harbor) = server.upgrade().filter(|_| number == due) {
                act(&harbor);
            }
        });
    }
}

/// Pages of several lengths, an empty project, and in one repository signatures in mid-list.
fn contents() -> Contents {
    let mut contents = Contents::empty();
    contents.create_project(Project::public("library"));
    contents.create_project(Project::private("team"));
    contents.create_project(Project::private("empty"));
    contents.create_project(Project::private("doomed"));
    contents.create_project(Project::private("mirror").proxy_cache(1));
    for number in 0..130 {
        let pushed = contents.push("team/app", Push::image().tag(&format!("v{number}")));
        if (40..60).contains(&number) {
            contents.push("team/app", Push::signature_of(&pushed.digest));
        }
    }
    contents.push("library/nginx", Push::image().tag("1.27").tag("latest"));
    contents.push("library/deep/er/name", Push::image());
    contents.push("doomed/one", Push::image().tag("a"));
    contents.push("doomed/two", Push::image().tag("b"));
    contents.push("mirror/alpine", Push::image().tag("3.20"));
    contents
}

impl Subject for Harbor {
    fn connector(&self) -> Arc<dyn RegistryConnector> {
        let config = (self.account)(&self.harbor).read_timeout(self.patience);
        connector(config, &self.clock)
    }

    fn contents(&self) -> BTreeSet<Shown> {
        let rows = self.harbor.listed().into_iter();
        rows.filter(|row| !row.proxy_cache)
            .map(|row| Shown {
                repository: row.repository,
                digest: row.digest,
                tags: row.tags,
            })
            .collect()
    }

    fn faults(&self) -> &Faults {
        self.harbor.faults()
    }

    fn log(&self) -> &RequestLog {
        self.harbor.log()
    }

    fn scope_lists(&self) -> &[&str] {
        if self.lists_projects_artifacts() {
            &["sort=project_id"]
        } else {
            &["sort=project_id", "sort=repository_id"]
        }
    }

    fn entries(&self) -> &str {
        if self.lists_projects_artifacts() {
            "/projects/2/artifacts"
        } else {
            "/repositories/app/artifacts"
        }
    }

    fn failed_logins(&self) -> u64 {
        self.harbor.accounts().failed_logins(self.user)
    }

    fn change_password_after(&self, requests: u64) {
        let user = self.user;
        self.after(requests, move |harbor| {
            harbor.accounts().set_password(user, "another");
        });
    }

    fn change(&self, seed: u64) -> bool {
        let listed = self.harbor.listed();
        let mut places = listed.iter().filter(|row| row.repository != "team/app");
        let place = usize::try_from(seed / 7).unwrap();
        let (path, digest) = places
            .nth(place % 5)
            .map_or(("team/app", &listed[0].digest), |row| {
                (row.repository.as_str(), &row.digest)
            });
        self.harbor.change(|contents| match seed % 7 {
            0 => drop(contents.push(path, Push::image().tag("latest"))),
            1 => drop(contents.push(&format!("team/new-{seed}"), Push::image())),
            2 => drop(contents.push(path, Push::image().digest(digest).tag("moved"))),
            3 => drop(contents.tag(path, digest, "moved")),
            4 => drop(contents.delete_artifact(path, digest)),
            5 => drop(contents.delete_tag(path, "moved")),
            _ => drop(contents.push(&format!("late-{seed}/one"), Push::image().tag("1"))),
        });
        true
    }

    fn delete_scope_after(&self, requests: u64) {
        let due = self.harbor.log().total() + requests + 1;
        self.harbor.before_request(move |number, _, contents| {
            if number == due {
                contents.delete_project("doomed");
            }
        });
    }
}

/// A Harbor 1.x by its administrator.
struct HarborV1Subject {
    harbor: Arc<HarborV1>,
    clock: Arc<dyn Clock>,
    patience: Duration,
}

impl HarborV1Subject {
    async fn start(clock: Arc<dyn Clock>) -> Self {
        let mut contents = harbor_v1::Contents::empty();
        contents.create_project(harbor_v1::Project::public("library"));
        contents.create_project(harbor_v1::Project::private("team"));
        contents.create_project(harbor_v1::Project::private("empty"));
        for number in 0..130 {
            let tag = format!("v{number}");
            contents.push("team/app", harbor_v1::Push::image().tag(&tag));
        }
        let children = || {
            [
                harbor_v1::Child::new(Platform::new("linux", "amd64")),
                harbor_v1::Child::new(Platform::new("linux", "arm64")),
            ]
        };
        contents.push("team/app", harbor_v1::Push::list(children()).tag("list"));
        for name in [
            "library/nginx",
            "library/deep/er/name",
            "team/one",
            "team/two",
        ] {
            contents.push(name, harbor_v1::Push::image().tag("1").tag("latest"));
        }
        contents.push("team/two", harbor_v1::Push::oci_image().tag("oci"));
        contents.push("doomed/one", harbor_v1::Push::image().tag("a"));
        contents.push("doomed/two", harbor_v1::Push::image().tag("b"));
        let builder = HarborV1::builder().contents(contents);
        let harbor = builder.clock(Arc::clone(&clock)).start().await.unwrap();
        Self {
            harbor: Arc::new(harbor),
            clock,
            patience: Duration::from_millis(300),
        }
    }

    /// See [`Harbor::private`].
    fn private(mut self) -> Self {
        self.patience = Duration::from_secs(10);
        self.harbor
            .change(|contents| contents.delete_project("library"));
        self
    }

    fn due(&self, requests: u64) -> u64 {
        self.harbor.log().total() + requests + 1
    }
}

impl Subject for HarborV1Subject {
    fn connector(&self) -> Arc<dyn RegistryConnector> {
        let config = crate::harbor_v1::as_admin(&self.harbor).read_timeout(self.patience);
        connector(config, &self.clock)
    }

    fn contents(&self) -> BTreeSet<Shown> {
        crate::harbor_v1::shown(&self.harbor)
    }

    fn faults(&self) -> &Faults {
        self.harbor.faults()
    }

    fn log(&self) -> &RequestLog {
        self.harbor.log()
    }

    fn scope_lists(&self) -> &[&str] {
        &["/api/projects?", "/api/repositories?"]
    }

    fn entries(&self) -> &str {
        "/team/app/tags"
    }

    fn failed_logins(&self) -> u64 {
        self.harbor.accounts().failed_logins(HarborV1::USERNAME)
    }

    fn change_password_after(&self, requests: u64) {
        let due = self.due(requests);
        let server = Arc::downgrade(&self.harbor);
        self.harbor.before_request(move |number, _, _| {
            if let Some(harbor) = server.upgrade().filter(|_| number == due) {
                let accounts = harbor.accounts();
                accounts.set_password(HarborV1::USERNAME, "another");
            }
        });
    }

    fn change(&self, seed: u64) -> bool {
        let paths = ["library/nginx", "team/one", "team/two", "team/app"];
        let path = paths[usize::try_from(seed / 7 % 4).unwrap()];
        let listed = self.harbor.listed();
        let digest = listed.iter().find(|row| row.repository == path);
        let digest = digest.map_or("", |row| row.digest.as_str());
        let image = harbor_v1::Push::image;
        self.harbor.change(|contents| match seed % 7 {
            0 => drop(contents.push(path, image().tag("latest"))),
            1 => drop(contents.push(&format!("team/new-{seed}"), image().tag("1"))),
            2 | 3 if !digest.is_empty() => {
                drop(contents.push(path, image().digest(digest).tag("moved")));
            }
            4 => drop(contents.delete_tag(path, "latest")),
            5 => drop(contents.delete_tag(path, "moved")),
            _ => drop(contents.push(&format!("late-{seed}/one"), image().tag("1"))),
        });
        true
    }

    fn delete_scope_after(&self, requests: u64) {
        let due = self.due(requests);
        self.harbor.before_request(move |number, _, contents| {
            if number == due {
                contents.delete_project("doomed");
            }
        });
    }
}

/// A Quay by its organisations' administrator.
struct QuaySubject {
    quay: Arc<Quay>,
    session: SessionUse,
    clock: Arc<dyn Clock>,
}

impl QuaySubject {
    async fn start(clock: Arc<dyn Clock>, session: SessionUse) -> Self {
        let mut contents = quay::Contents::empty();
        for organization in ["acme", "doomed", "none"] {
            contents.create_organization(quay::Organization::new(organization));
        }
        for number in 0..130 {
            contents.push("acme/app", quay::Push::image().tag(&format!("v{number}")));
        }
        for number in 0..12 {
            let path = format!("acme/deep/er/name-{number}");
            contents.push(&path, quay::Push::image().tag("1").tag("latest"));
        }
        contents.push("doomed/one", quay::Push::image().tag("a"));
        let builder = Quay::builder().contents(contents);
        let quay = builder.clock(Arc::clone(&clock)).start().await.unwrap();
        Self {
            quay: Arc::new(quay),
            session,
            clock,
        }
    }

    fn due(&self, requests: u64) -> u64 {
        self.quay.log().total() + requests + 1
    }
}

impl Subject for QuaySubject {
    fn connector(&self) -> Arc<dyn RegistryConnector> {
        let organizations = ["acme", "doomed", "none"];
        let config = crate::quay::config(&self.quay, &organizations, Quay::AUTH_TOKEN)
            .username(Quay::USERNAME)
            .password(Secret::new(Quay::PASSWORD))
            .session(self.session);
        crate::quay::connector(config, &self.clock)
    }

    fn contents(&self) -> BTreeSet<Shown> {
        crate::quay::shown(&self.quay, &self.quay.organizations())
    }

    fn faults(&self) -> &Faults {
        self.quay.faults()
    }

    fn log(&self) -> &RequestLog {
        self.quay.log()
    }

    fn scope_lists(&self) -> &[&str] {
        &["/api/v1/repository?namespace="]
    }

    fn entries(&self) -> &str {
        "/acme/app/tag/"
    }

    /// Of the user: a token has no log-in that could fail, and no name that could be locked.
    fn failed_logins(&self) -> u64 {
        self.quay.accounts().failed_logins(Quay::USERNAME)
    }

    fn change_password_after(&self, requests: u64) {
        let due = self.due(requests);
        let server = Arc::downgrade(&self.quay);
        self.quay.before_request(move |number, _, _| {
            if let Some(quay) = server.upgrade().filter(|_| number == due) {
                quay.accounts().revoke_token(Quay::AUTH_TOKEN);
                quay.accounts().set_password(Quay::USERNAME, "another");
            }
        });
    }

    fn change(&self, seed: u64) -> bool {
        let path = format!("acme/deep/er/name-{}", seed / 7 % 5);
        let listed = self.quay.listed("acme");
        let digest = listed.iter().find(|row| row.repository == path);
        let digest = digest.map_or("", |row| row.digest.as_str());
        self.quay.change(|contents| match seed % 7 {
            0 => drop(contents.push(&path, quay::Push::image().tag("1"))),
            1 => drop(contents.push(&format!("acme/new-{seed}"), quay::Push::image().tag("1"))),
            2 | 3 => drop(contents.tag(&path, digest, "moved")),
            4 => drop(contents.delete_tag(&path, "latest")),
            5 => drop(contents.delete_tag(&path, "moved")),
            _ => drop(contents.push("none/first", quay::Push::image().tag("1"))),
        });
        true
    }

    fn delete_scope_after(&self, requests: u64) {
        let due = self.due(requests);
        self.quay.before_request(move |number, _, contents| {
            if number == due {
                contents.delete_repository("doomed/one");
            }
        });
    }
}

async fn inventory() -> Arc<dyn Inventory> {
    Arc::new(
        SqliteInventory::in_memory(SystemClock::shared())
            .await
            .unwrap(),
    )
}

/// A module of tests for each subject, with a test for each case.
macro_rules! conformance {
    ($($subject:ident: $start:expr;)+) => {$(
        mod $subject {
            use super::*;

            conformance!(@jumping $start;
                everything_is_listed_once
                vanishing_scopes_are_passed_over
                a_hidden_scope_is_noticed
                a_dropped_listing_asks_no_more
                stripped_credentials_never_hide
                passing_faults_do_not_matter
                broken_answers_are_never_believed
                wrong_pages_are_never_believed
                refused_scopes_are_told_and_passed_over
                pull_tokens_are_for_who_may_pull
                what_changed_is_told_or_a_full_listing_is_due
            );

            #[tokio::test]
            async fn stripped_credentials_lose_nothing() {
                let start = async || $start(jumping_clock()).await;
                registry_intake::conformance::stripped_credentials_lose_nothing(start, inventory)
                    .await;
            }
        }
    )+};
    (@jumping $start:expr; $($case:ident)+) => {$(
        #[tokio::test]
        async fn $case() {
            registry_intake::conformance::$case(async || $start(jumping_clock()).await).await;
        }
    )+};
}

conformance! {
    harbor_2_15_as_admin: (async |clock| Harbor::as_admin(Release::V2_15, clock).await);
    harbor_2_15_as_robot: (async |clock| Harbor::as_robot(Release::V2_15, clock).await);
    harbor_2_9_as_robot: (async |clock| Harbor::as_robot(Release::V2_9, clock).await);
    harbor_2_5_as_admin: (async |clock| Harbor::as_admin(Release::V2_5, clock).await);
    harbor_2_0_as_admin: (async |clock| Harbor::as_admin(Release::V2_0, clock).await);
    harbor_2_15_by_session: (async |clock| Harbor::by_session(Release::V2_15, clock).await);
    harbor_2_5_by_session: (async |clock| Harbor::by_session(Release::V2_5, clock).await);
    harbor_1_10: HarborV1Subject::start;
    quay_by_token: (async |clock| QuaySubject::start(clock, SessionUse::Never).await);
    quay_by_session: (async |clock| QuaySubject::start(clock, SessionUse::Always).await);
    acr_enterprise: (async |clock| EnterpriseSubject::start(clock, |acr| acr).await);
    acr_enterprise_by_namespace: (async |clock| {
        EnterpriseSubject::start(clock, |acr| acr.lists_all_repositories(false)).await
    });
    acr_personal: (async |clock| PersonalSubject::start(clock).await);
}

/// By the machine's clock, since requests in flight meet the lock of the first. A token knows no
/// log-in, so a Quay has no such case.
mod a_changed_password_costs_one_failed_log_in {
    use super::*;

    macro_rules! by_password {
        ($($subject:ident: $start:expr;)+) => {$(
            #[tokio::test]
            async fn $subject() {
                let start = async || $start(SystemClock::shared()).await.private();
                registry_intake::conformance::a_changed_password_costs_one_failed_log_in(start)
                    .await;
            }
        )+};
    }

    by_password! {
        harbor_1_10: HarborV1Subject::start;
        harbor_2_15_as_admin: (async |clock| Harbor::as_admin(Release::V2_15, clock).await);
        harbor_2_15_as_robot: (async |clock| Harbor::as_robot(Release::V2_15, clock).await);
        harbor_2_9_as_robot: (async |clock| Harbor::as_robot(Release::V2_9, clock).await);
        harbor_2_5_as_admin: (async |clock| Harbor::as_admin(Release::V2_5, clock).await);
        harbor_2_0_as_admin: (async |clock| Harbor::as_admin(Release::V2_0, clock).await);
    }
}
