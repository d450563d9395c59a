use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc, time::Duration};

use registry_intake::{
    clock::{Clock, ManualClock, Timestamp},
    error::ErrorRecord,
    image::{Digest, Image, ImageKind, Proof, RegistryKind, Scope, TagRecord},
    inventory::{
        Binding, Claim, ClaimRequest, ClaimedImage, Failure, ImageState, Inventory, Lease,
        PageChanges, RunEnd, RunKind, RunReport, RunRequest, RunStart, RunTicket, ScopeOutcome,
        Sighting, StateCounts, StoredImage,
    },
    pace::Pace,
};

pub(crate) const PROD: &str = "harbor-prod";
pub(crate) const LEASE: Duration = Duration::from_secs(600);

pub(crate) fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// An inventory with one bound integration, and the clock that it goes by.
pub(crate) struct Stage {
    pub(crate) inventory: Arc<dyn Inventory>,
    pub(crate) clock: ManualClock,
}

impl Stage {
    pub(crate) async fn new(inventory: Arc<dyn Inventory>, clock: ManualClock) -> Self {
        inventory.bind(&binding(PROD)).await.unwrap();
        Self { inventory, clock }
    }

    pub(crate) async fn begin(&self) -> RunTicket {
        let anew = run_request(RunKind::Full, RunStart::Anew);
        self.inventory.begin_run(&anew).await.unwrap().ticket
    }

    pub(crate) async fn store(&self, ticket: &RunTicket, images: &[Image]) -> PageChanges {
        self.inventory
            .store_page(ticket, &Scope::Registry, &sightings(images), None)
            .await
            .unwrap()
    }

    pub(crate) async fn close(&self, ticket: &RunTicket, scope: &Scope, outcome: &ScopeOutcome) {
        self.inventory
            .close_scope(ticket, scope, outcome)
            .await
            .unwrap();
    }

    pub(crate) async fn finish(&self, ticket: &RunTicket, proof: Option<Proof>) -> RunReport {
        self.inventory
            .finish_run(ticket, &run_end(proof))
            .await
            .unwrap()
    }

    /// A run that lists the whole registry, with this proof.
    pub(crate) async fn sync_with(&self, proof: Proof, images: &[Image]) -> RunReport {
        let ticket = self.begin().await;
        self.store(&ticket, images).await;
        self.close(&ticket, &Scope::Registry, &ScopeOutcome::Listed)
            .await;
        self.finish(&ticket, Some(proof)).await
    }

    pub(crate) async fn sync(&self, images: &[Image]) -> RunReport {
        self.sync_with(Proof::Totals, images).await
    }

    pub(crate) async fn claim_at(&self, pace: Pace) -> Claim {
        self.inventory.claim(&claim_request(&pace)).await.unwrap()
    }

    pub(crate) async fn claim(&self) -> Claim {
        self.claim_at(Pace::Unlimited).await
    }

    pub(crate) async fn granted(&self) -> ClaimedImage {
        granted(self.claim().await)
    }

    pub(crate) async fn acknowledge(&self, lease: &Lease) {
        self.inventory.acknowledge(lease).await.unwrap();
    }

    pub(crate) async fn ingest(&self) -> ClaimedImage {
        let claimed = self.granted().await;
        self.acknowledge(&claimed.lease).await;
        claimed
    }

    pub(crate) async fn fail(&self, lease: &Lease, retry_after: Option<Duration>) {
        let failure = Failure {
            error: error_record("the sink is full"),
            retry_at: retry_after.map(|pause| self.clock.now().saturating_add(pause)),
        };
        self.inventory.fail(lease, &failure).await.unwrap();
    }

    pub(crate) async fn request(&self, digest: &Digest) -> bool {
        self.inventory.request(PROD, digest).await.unwrap()
    }

    pub(crate) async fn images(&self) -> Vec<StoredImage> {
        self.inventory.images(PROD, None, 1000).await.unwrap()
    }

    /// The state of each image by repository and number.
    pub(crate) async fn states(&self) -> BTreeMap<(String, u32), ImageState> {
        let place = |stored: &StoredImage| {
            let hex = &stored.image.digest.as_str()["sha256:".len()..];
            let number = u32::from_str_radix(hex.trim_start_matches('0'), 16).unwrap_or(0);
            (stored.image.repository.to_string(), number)
        };
        let images = self.images().await;
        images
            .iter()
            .map(|stored| (place(stored), stored.state))
            .collect()
    }

    pub(crate) async fn state_of(&self, repository: &str, number: u32) -> ImageState {
        self.states().await[&(repository.to_owned(), number)]
    }

    pub(crate) async fn counts(&self) -> StateCounts {
        self.inventory.integrations().await.unwrap()[0].images
    }

    pub(crate) fn after(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

pub(crate) fn binding(integration: &str) -> Binding {
    Binding {
        integration: integration.to_owned(),
        kind: RegistryKind::HarborV2,
        registry: "harbor.example.com:443".to_owned(),
    }
}

pub(crate) fn run_request(kind: RunKind, start: RunStart) -> RunRequest<'static> {
    RunRequest {
        integration: PROD,
        kind,
        lease: LEASE,
        start,
        mark: None,
    }
}

pub(crate) fn sightings(images: &[Image]) -> Vec<Sighting<'_>> {
    images.iter().map(Sighting::of).collect()
}

pub(crate) fn run_end(proof: Option<Proof>) -> RunEnd {
    RunEnd {
        proof,
        requests: 12,
        elapsed: Duration::from_millis(345),
        ..RunEnd::default()
    }
}

pub(crate) fn claim_request(pace: &Pace) -> ClaimRequest<'_> {
    ClaimRequest {
        integration: PROD,
        pace,
        lease: LEASE,
        max_attempts: NonZeroU32::new(3).unwrap(),
        rescan_after: None,
    }
}

#[track_caller]
pub(crate) fn granted(claim: Claim) -> ClaimedImage {
    match claim {
        Claim::Granted(claimed) => claimed,
        other => panic!("no grant but {other:?}"),
    }
}

pub(crate) fn digest(number: u32) -> Digest {
    format!("sha256:{number:064x}").parse().unwrap()
}

pub(crate) fn tag(name: &str) -> TagRecord {
    TagRecord {
        name: name.parse().unwrap(),
        pushed_at: None,
        expires_at: None,
    }
}

/// An image whose time of push grows with its number.
pub(crate) fn image(repository: &str, number: u32, tags: &[&str]) -> Image {
    Image {
        repository: repository.parse().unwrap(),
        digest: digest(number),
        tags: tags.iter().map(|name| tag(name)).collect(),
        kind: ImageKind::Image,
        media_type: None,
        size: Some(1024),
        platforms: Vec::new(),
        pushed_at: Some(Timestamp::from_unix_nanos(i64::from(number))),
        pulled_at: None,
    }
}

pub(crate) fn error_record(message: &str) -> ErrorRecord {
    serde_json::from_value(serde_json::json!({
        "code": "RegistryUnavailable", "message": message, "remedy": "Wait.", "retryable": true,
    }))
    .unwrap()
}
