use std::{
    collections::BTreeMap,
    fmt,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::{
    StreamExt,
    future::{Either, pending, select},
    stream::FuturesUnordered,
};
use tokio::sync::watch;

use super::{
    IntakeBuilder, IntakeError, IntakeEvent, IntegrationChange, IntegrationStatus, builder::Parts,
    image_name::ImageName, member::Member, serving::serve,
};
use crate::{
    config::IntegrationConfig,
    connector::Verification,
    image::{Digest, Image},
    inventory::{Paused, RunKind, RunReport},
};

/// Serves any number of integrations. Clones serve the same ones.
#[derive(Clone)]
pub struct Intake {
    shared: Arc<Shared>,
}

struct Shared {
    parts: Parts,
    members: Mutex<BTreeMap<String, Arc<Member>>>,
    /// Members have come.
    changed: watch::Sender<()>,
    /// Held while one is added or changed: each change builds on the one before.
    changing: tokio::sync::Mutex<()>,
    runs: AtomicBool,
}

/// An image that was put in front by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScanWish {
    /// The integration in which it waits.
    pub integration: String,
    /// The image as the registry shows it now.
    pub image: Image,
}

impl Intake {
    /// Sets up an intake.
    pub fn builder() -> IntakeBuilder {
        IntakeBuilder::new()
    }

    pub(super) fn new(parts: Parts, members: BTreeMap<String, Arc<Member>>) -> Self {
        Self {
            shared: Arc::new(Shared {
                parts,
                members: Mutex::new(members),
                changed: watch::Sender::new(()),
                changing: tokio::sync::Mutex::new(()),
                runs: AtomicBool::new(false),
            }),
        }
    }

    /// Serves until `cancel` is ready. Then nothing new is begun; syncs break off, to be gone on
    /// with by the next process, and what the sink has in hand is waited for as long as the grace of
    /// ingestion allows.
    ///
    /// What goes wrong with an integration is told as an event and in its status, is tried again
    /// with growing pauses, and does not touch the others.
    ///
    /// # Errors
    /// [`IntakeError::RunsAlready`].
    pub async fn run(&self, cancel: impl Future<Output = ()> + Send) -> Result<(), IntakeError> {
        self.run_observed(cancel, |_, _| ()).await
    }

    /// The same, telling `observe` what happens to which integration. It is called on the task that
    /// serves: it must not block.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_observed(
        &self,
        cancel: impl Future<Output = ()> + Send,
        observe: impl Fn(&str, IntakeEvent) + Send + Sync,
    ) -> Result<(), IntakeError> {
        let shared = &*self.shared;
        let _runs = Running::begin(&shared.runs)?;
        let stop = watch::Sender::new(false);
        let mut changed = shared.changed.subscribe();
        let mut cancel = pin!(cancel);
        let mut serving = FuturesUnordered::new();
        loop {
            for member in self.members() {
                serving.extend(serve(&shared.parts, member, stop.subscribe(), &observe));
            }
            let ended = async {
                match serving.next().await {
                    Some(()) => {}
                    None => pending().await,
                }
            };
            let news = async {
                select(pin!(changed.changed()), pin!(ended)).await;
            };
            if let Either::Left(_) = select(&mut cancel, pin!(news)).await {
                break;
            }
        }
        stop.send_replace(true);
        while serving.next().await.is_some() {}
        Ok(())
    }

    /// Adds an integration, which is served from now on.
    ///
    /// # Errors
    /// As [`IntakeBuilder::build`].
    pub async fn add(&self, config: IntegrationConfig) -> Result<(), IntakeError> {
        let member = Arc::new(Member::new(config, &self.shared.parts)?);
        let name = member.name().to_owned();
        let _changing = self.shared.changing.lock().await;
        if self.lock().contains_key(&name) {
            return Err(IntakeError::NameTaken { name });
        }
        let inventory = &self.shared.parts.inventory;
        inventory.is_bound(&member.binding()).await?;
        self.lock().insert(name, member);
        self.shared.changed.send_replace(());
        Ok(())
    }

    /// Changes an integration. A changed speed limit holds from the next image on. Where the
    /// registry is reached in another way, its sync breaks off and is gone on with by the new way;
    /// what the sink has in hand stays there.
    ///
    /// A changed domain or port moves the integration: the inventory takes the registry there for
    /// the same one, and the next full run proves what it holds.
    ///
    /// # Errors
    /// [`IntakeError::UnknownIntegration`], [`IntakeError::Config`] where the result would be
    /// wrong, [`IntakeError::Integration`] and [`IntakeError::Inventory`]; nothing is changed then.
    pub async fn change(&self, name: &str, change: IntegrationChange) -> Result<(), IntakeError> {
        let _changing = self.shared.changing.lock().await;
        let old = self.member(name)?;
        let (reconnects, moves) = (change.reconnects(), change.moves());
        let config = change.apply(&old.config())?;
        if !reconnects {
            old.set_config(config);
            return Ok(());
        }
        let new = Arc::new(Member::new(config, &self.shared.parts)?);
        if moves {
            let inventory = &self.shared.parts.inventory;
            if inventory.is_bound(&old.binding()).await? {
                inventory.rehome(&new.binding()).await?;
            }
        }
        {
            let mut members = self.lock();
            if old.is_dismissed() {
                return Err(unknown(name));
            }
            members.insert(name.to_owned(), new);
            old.dismiss();
        }
        self.shared.changed.send_replace(());
        Ok(())
    }

    /// Lets syncs, ingestion or both of an integration rest, or go on. Kept in the inventory: it
    /// holds for every process and outlives them, and binds a name that is not bound yet. A sync
    /// under way is not broken off, and what is in hand may end.
    ///
    /// # Errors
    /// [`IntakeError::UnknownIntegration`]; [`IntakeError::Inventory`].
    pub async fn pause(&self, name: &str, paused: Paused) -> Result<(), IntakeError> {
        let member = self.member(name)?;
        let inventory = &self.shared.parts.inventory;
        inventory.bind(&member.binding()).await?;
        inventory.set_paused(name, paused).await?;
        member.wake();
        Ok(())
    }

    /// Removes an integration with everything that the inventory holds of it. What the sink has in
    /// hand is waited for as at the end of [`run`](Self::run). Where this fails, or its future is
    /// dropped, the integration is served no more and is to be removed again. Other processes must
    /// be told too: the next sync of one that still serves it begins anew.
    ///
    /// # Errors
    /// [`IntakeError::UnknownIntegration`], [`IntakeError::Inventory`].
    pub async fn remove(&self, name: &str) -> Result<(), IntakeError> {
        let member = self.lock().get(name).cloned();
        let member = member.ok_or_else(|| unknown(name))?;
        {
            // Nobody takes the place of one that leaves.
            let _members = self.lock();
            member.dismiss();
        }
        member.left().await;
        self.shared.parts.inventory.remove(name).await?;
        let mut members = self.lock();
        if members
            .get(name)
            .is_some_and(|left| Arc::ptr_eq(left, &member))
        {
            members.remove(name);
        }
        Ok(())
    }

    /// Marks as gone what the last proved full run held back, because it was so much, and returns
    /// how many images that are. What was seen since is not among them.
    ///
    /// # Errors
    /// [`IntakeError::UnknownIntegration`], [`IntakeError::Inventory`].
    pub async fn confirm_held(&self, name: &str) -> Result<u64, IntakeError> {
        let member = self.member(name)?;
        let gone = self.shared.parts.inventory.confirm_held(name).await?;
        member.wake();
        Ok(gone)
    }

    /// Syncs an integration at once, in the caller's task: incrementally where the registry can tell
    /// what has changed, else fully.
    ///
    /// # Errors
    /// [`IntakeError::UnknownIntegration`]; [`IntakeError::Integration`] where the registry's images
    /// cannot be kept; [`IntakeError::Inventory`], with [`InventoryError::RunInProgress`](crate::inventory::InventoryError::RunInProgress) where a
    /// run of it is under way.
    pub async fn sync_now(&self, name: &str) -> Result<RunReport, IntakeError> {
        let member = self.member(name)?;
        let sync = member.sync(&self.shared.parts, RunKind::Incremental, None, |_| ());
        Ok(sync.await?)
    }

    /// Verifies an integration at once, in the caller's task, and keeps the outcome.
    ///
    /// # Errors
    /// [`IntakeError::UnknownIntegration`], [`IntakeError::Inventory`].
    pub async fn verify_now(&self, name: &str) -> Result<Verification, IntakeError> {
        let member = self.member(name)?;
        Ok(member.verify(&self.shared.parts).await?)
    }

    /// Puts one image in front of all others: `host/repository:tag` or `host/repository@digest`,
    /// the host as it is configured, with its port where that is not the protocol's own. It is
    /// looked up in its registry, so that it need not have been synced.
    ///
    /// # Errors
    /// [`IntakeError::NoImageName`]; [`IntakeError::UnknownHost`]; [`IntakeError::Integration`],
    /// with [`IntegrationError::ImageNotFound`](crate::error::IntegrationError::ImageNotFound) where the registry has no such image;
    /// [`IntakeError::Inventory`].
    pub async fn scan_now(&self, image: &str) -> Result<ScanWish, IntakeError> {
        let name = ImageName::parse(image)?;
        let mut refusal = None;
        for member in self
            .members()
            .into_iter()
            .filter(|member| member.is_at(&name))
        {
            let found = member.connector.resolve(&name.repository, &name.reference);
            match found.await {
                Ok(image) => {
                    let inventory = &self.shared.parts.inventory;
                    inventory.admit(&member.binding(), &image).await?;
                    member.wake();
                    return Ok(ScanWish {
                        integration: member.name().to_owned(),
                        image,
                    });
                }
                Err(error) => refusal = Some(error),
            }
        }
        Err(match refusal {
            Some(error) => error.into(),
            None => IntakeError::UnknownHost {
                host: name.authority(),
            },
        })
    }

    /// Puts a known image in front of all others, by its digest.
    ///
    /// # Errors
    /// [`IntakeError::UnknownIntegration`]; [`IntakeError::Inventory`].
    pub async fn scan_again(&self, name: &str, digest: &Digest) -> Result<bool, IntakeError> {
        let member = self.member(name)?;
        let known = self.shared.parts.inventory.request(name, digest).await?;
        member.wake();
        Ok(known)
    }

    /// How each integration stands, by name.
    ///
    /// # Errors
    /// [`IntakeError::Inventory`].
    pub async fn status(&self) -> Result<Vec<IntegrationStatus>, IntakeError> {
        let parts = &self.shared.parts;
        let mut known: BTreeMap<_, _> = parts
            .inventory
            .integrations()
            .await?
            .into_iter()
            .map(|summary| (summary.binding.integration.clone(), summary))
            .collect();
        let mut all = Vec::new();
        for member in self.members() {
            let summary = known.remove(member.name());
            all.push(IntegrationStatus::of(&member, summary, parts).await?);
        }
        Ok(all)
    }

    /// The one of this name, unless it is about to leave.
    fn member(&self, name: &str) -> Result<Arc<Member>, IntakeError> {
        let member = self.lock().get(name).cloned();
        let member = member.filter(|member| !member.is_dismissed());
        member.ok_or_else(|| unknown(name))
    }

    fn members(&self) -> Vec<Arc<Member>> {
        let members = self.lock();
        let staying = members.values().filter(|member| !member.is_dismissed());
        staying.cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Member>>> {
        let members = &self.shared.members;
        members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unknown(name: &str) -> IntakeError {
    IntakeError::UnknownIntegration {
        name: name.to_owned(),
    }
}

impl fmt::Debug for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intake")
            .field("integrations", &self.lock().keys())
            .finish_non_exhaustive()
    }
}

/// Held while somebody runs the intake.
struct Running<'a>(&'a AtomicBool);

impl<'a> Running<'a> {
    fn begin(runs: &'a AtomicBool) -> Result<Self, IntakeError> {
        if runs.swap(true, Ordering::AcqRel) {
            return Err(IntakeError::RunsAlready);
        }
        Ok(Self(runs))
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
