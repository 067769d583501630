//! Connections: accepted, bounded in number and in every time that the other side may take.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

use crate::measures::Measures;
use crate::settings::Limits;

/// The time for which nothing is accepted when the system has no file descriptors left.
const NO_DESCRIPTORS: Duration = Duration::from_millis(100);

/// Bytes of a head at most; hyper wants no less.
const MAX_HEAD: usize = 32 << 10;
/// Headers of a request at most.
const MAX_HEADERS: usize = 64;

/// Accepts connections until `end`, and then waits for requests in work. Gives back how many connections were
/// still open when the time for that was over.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    measures: Measures,
    end: impl Future<Output = ()>,
) -> usize {
    let mut end = std::pin::pin!(end);
    let connections = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let service = TowerToHyperService::new(router);
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(MAX_HEAD)
        // Not `pipeline_flush`: an answer to a head that is no HTTP would then not be sent.
        .max_headers(MAX_HEADERS);
    loop {
        let accepted = async {
            // Those who come when there are too many wait in the system's queue.
            let permit = Arc::clone(&connections).acquire_owned().await;
            let permit = permit.expect("nobody closes the semaphore");
            listener.accept().await.map(|(stream, _)| (stream, permit))
        };
        let (stream, permit) = tokio::select! {
            biased;
            () = &mut end => break,
            accepted = accepted => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    measures.accept_errors.increment(1);
                    // Who gave up meanwhile leaves room; of descriptors none are free until somebody leaves.
                    if error.kind() != io::ErrorKind::ConnectionAborted {
                        sleep(NO_DESCRIPTORS).await;
                    }
                    continue;
                }
            },
        };
        // Answers are short, and whoever waits for one wants it now.
        let _ = stream.set_nodelay(true);
        let open = Open::new(permit, &measures);
        let stream = TokioIo::new(StallGuard::new(stream, limits.stall_time));
        let connection = graceful.watch(builder.serve_connection(stream, service.clone()));
        tokio::spawn(async move {
            // What goes wrong with a connection is its client's: it is gone, or sends no HTTP.
            let _ = connection.await;
            drop(open);
        });
    }
    drop(listener);
    let open = Arc::clone(&connections);
    match tokio::time::timeout(limits.drain_time, graceful.shutdown()).await {
        Ok(()) => 0,
        Err(_) => limits.connections - open.available_permits(),
    }
}

/// An open connection, counted.
struct Open {
    _permit: OwnedSemaphorePermit,
    measures: Measures,
}

impl Open {
    fn new(permit: OwnedSemaphorePermit, measures: &Measures) -> Self {
        measures.connections.increment(1.0);
        Self { _permit: permit, measures: measures.clone() }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.measures.connections.decrement(1.0);
    }
}

/// A connection that fails when its other side takes nothing of an answer for too long.
struct StallGuard {
    stream: TcpStream,
    time: Duration,
    /// Runs while a write waits.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl StallGuard {
    fn new(stream: TcpStream, time: Duration) -> Self {
        Self { stream, time, stalled: None }
    }

    fn watch<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let end = || Box::pin(tokio::time::sleep_until(Instant::now() + self.time));
        let stalled = self.stalled.get_or_insert_with(end);
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for StallGuard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for StallGuard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.watch(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
