/// When an ingester's run ends by itself. Every run also ends when it is told to stop.
///
/// ```
/// use registry_intake::ingest::Until;
///
/// // After five images, or earlier when no more are waiting.
/// let until = Until::IDLE.or_images(5);
/// # let _ = until;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Until {
    pub(super) idle: bool,
    /// Also waits for the images that other processes hold.
    pub(super) leases: bool,
    pub(super) images: u64,
}

impl Until {
    /// Only when it is told to stop.
    pub const STOPPED: Self = Self {
        idle: false,
        leases: false,
        images: u64::MAX,
    };

    /// When nothing waits, nothing is in this run's hands and the sink was told every change that
    /// it takes. Images that other processes hold are not waited for;
    /// [`IngestReport::leased_elsewhere_until`](super::IngestReport::leased_elsewhere_until) tells
    /// of them.
    pub const IDLE: Self = Self {
        idle: true,
        ..Self::STOPPED
    };

    /// When nothing waits and nobody holds an image any more: as [`IDLE`](Self::IDLE), but what
    /// other processes hold is waited for, the dead among them until their leases end.
    pub const DRAINED: Self = Self {
        leases: true,
        ..Self::IDLE
    };

    /// When so many images were handed over and those in hand are settled.
    #[must_use]
    pub const fn images(images: u64) -> Self {
        Self::STOPPED.or_images(images)
    }

    /// The same, or when so many images were handed over, whichever comes first.
    #[must_use]
    pub const fn or_images(self, images: u64) -> Self {
        Self { images, ..self }
    }
}
