//! How long a connection may say nothing: between two requests, and in the middle of a head. Invariant:
//! while a request is served neither limit runs; what is waited for then has limits of its own.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

/// What one connection may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Request line and headers together; [`Limits::HEAD_BYTES_LEAST`] or more.
    pub head_bytes_max: usize,
    /// Time for a head, from its first byte; of the first request from the connection's start.
    pub header_timeout: Duration,
    /// The longest pause between a reply and the next request.
    pub idle_timeout: Duration,
}

impl Limits {
    /// What HTTP's own reader needs at least. (S3 itself takes 8 KiB of headers.)
    pub const HEAD_BYTES_LEAST: usize = 8 * 1024;
}

/// The idle timeout is above that of usual balancers, which must be the first to close.
impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes_max: 64 * 1024,
            header_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
        }
    }
}

/// Where a connection is, as told from all sides of it. Every step changes the mark, so that a timer
/// knows when to begin anew.
#[derive(Clone, Debug)]
pub(super) struct Pace(Arc<AtomicU64>);

/// The lower bits of a mark; the others count the steps.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Some of a head has come, or none of the first one.
    Head,
    Idle,
    Request,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(0)))
    }

    /// A head is whole. The request lasts until what is returned is dropped.
    pub(super) fn request(&self) -> Reply {
        self.step(Phase::Request);
        Reply { pace: self.clone(), mark: self.phase().1 }
    }

    fn read(&self) {
        if self.phase().0 == Phase::Idle {
            self.step(Phase::Head);
        }
    }

    /// The end of a reply, which is still leaving.
    fn wrote(&self) {
        if self.phase().0 == Phase::Idle {
            self.step(Phase::Idle);
        }
    }

    fn phase(&self) -> (Phase, u64) {
        let mark = self.0.load(Ordering::Relaxed);
        let phase = match mark & 3 {
            0 => Phase::Head,
            1 => Phase::Idle,
            _ => Phase::Request,
        };
        (phase, mark)
    }

    fn step(&self, phase: Phase) {
        let bits = match phase {
            Phase::Head => 0,
            Phase::Idle => 1,
            Phase::Request => 2,
        };
        let steps = self.0.load(Ordering::Relaxed) >> 2;
        self.0.store(steps.wrapping_add(1) << 2 | bits, Ordering::Relaxed);
    }
}

/// A request that is served; goes with its reply.
#[derive(Debug)]
pub(super) struct Reply {
    pace: Pace,
    mark: u64,
}

impl Drop for Reply {
    fn drop(&mut self) {
        // Unless the next request is served already.
        if self.pace.phase().1 == self.mark {
            self.pace.step(Phase::Idle);
        }
    }
}

/// Runs out when a connection is silent for too long.
pub(super) struct Watch {
    pace: Pace,
    limits: Limits,
    mark: Option<u64>,
    timer: Pin<Box<Sleep>>,
}

/// What a connection was waiting for in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Late {
    Head,
    NextRequest,
}

impl Watch {
    pub(super) fn new(pace: Pace, limits: Limits) -> Self {
        Self { pace, limits, mark: None, timer: Box::pin(sleep_until(Instant::now())) }
    }

    /// To be polled after all else of the connection, whose steps it follows.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Late> {
        let (phase, mark) = self.pace.phase();
        let (limit, late) = match phase {
            Phase::Head => (self.limits.header_timeout, Late::Head),
            Phase::Idle => (self.limits.idle_timeout, Late::NextRequest),
            Phase::Request => return Poll::Pending,
        };
        if self.mark.replace(mark) != Some(mark) {
            self.timer.as_mut().reset(Instant::now() + limit);
        }
        self.timer.as_mut().poll(cx).map(|()| late)
    }
}

/// A socket that tells when bytes come and go.
#[derive(Debug)]
pub(super) struct Paced<I> {
    io: I,
    pace: Pace,
}

impl<I> Paced<I> {
    pub(super) fn new(io: I, pace: Pace) -> Self {
        Self { io, pace }
    }

    pub(super) fn into_inner(self) -> I {
        self.io
    }

    fn told(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.pace.wrote();
        }
        written
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Paced<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.pace.read();
        }
        read
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Paced<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.told(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.told(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
