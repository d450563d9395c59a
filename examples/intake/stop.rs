//! Ctrl-C and SIGTERM.

use std::io;

use tokio::sync::watch;

/// Sets `stop` when the program is told to end.
pub(crate) fn on_signal(stop: watch::Sender<bool>) -> io::Result<()> {
    let told = told()?;
    tokio::spawn(async move {
        told.await;
        stop.send_replace(true);
    });
    Ok(())
}

#[cfg(unix)]
fn told() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    // From here on neither of them kills the program.
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn told() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
