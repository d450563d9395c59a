use std::{pin::pin, sync::Arc};

use futures_util::future::{Either, join, select};
use tokio::sync::watch;

use super::{IntakeEvent, builder::Parts, ingesting::ingest, member::Member, syncing::sync};

/// What one integration has to tell.
pub(super) type Observe<'a> = &'a (dyn Fn(IntakeEvent) + Send + Sync);

/// Serves one integration until it is dismissed or all are to stop. None where somebody does
/// already.
pub(super) fn serve<'a>(
    parts: &'a Parts,
    member: Arc<Member>,
    stop: watch::Receiver<bool>,
    observe: &'a (dyn Fn(&str, IntakeEvent) + Send + Sync),
) -> Option<impl Future<Output = ()> + Send + 'a> {
    let place = Place::take(member)?;
    Some(async move {
        let member = &*place.0;
        let observe = |event| observe(member.name(), event);
        let stopped = || {
            let mut stop = stop.clone();
            async move {
                // It ends with the run, which waits for this.
                let told = pin!(stop.wait_for(|stop| *stop));
                select(told, pin!(member.dismissed())).await;
            }
        };
        let verified = {
            let verifying = pin!(member.verify(parts));
            match select(pin!(stopped()), verifying).await {
                Either::Left(_) => return,
                Either::Right((verified, _)) => verified,
            }
        };
        match verified {
            Ok(verification) => observe(IntakeEvent::Verified(verification)),
            Err(error) => tracing::warn!(%error, "the verification could not be kept"),
        }
        let syncing = async {
            select(pin!(stopped()), pin!(sync(parts, member, &observe))).await;
        };
        join(syncing, ingest(parts, member, &stopped, &observe)).await;
    })
}

/// Held while somebody serves a member.
struct Place(Arc<Member>);

impl Place {
    fn take(member: Arc<Member>) -> Option<Self> {
        member.serve().then(|| Self(member))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.leave();
    }
}
