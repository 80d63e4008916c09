//! A socket whose reader must keep reading: a client that asks for an object and takes none of it may
//! not hold a connection for ever. Invariant: only time in which a write waits counts, so that neither
//! a slow backend nor an idle connection is taken for a stalled client.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

/// Fails a write, with [`io::ErrorKind::TimedOut`], once no byte has been taken for a limit.
#[derive(Debug)]
pub(super) struct Unstalled<I> {
    io: I,
    limit: Duration,
    /// Kept from one wait to the next.
    timer: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
}

impl<I> Unstalled<I> {
    pub(super) fn new(io: I, limit: Duration) -> Self {
        Self { io, limit, timer: None, is_waiting: false }
    }

    pub(super) fn get_ref(&self) -> &I {
        &self.io
    }

    fn watch(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.is_waiting = false;
            return written;
        }
        let timer = match &mut self.timer {
            Some(timer) if self.is_waiting => timer,
            timer => {
                self.is_waiting = true;
                let deadline = Instant::now() + self.limit;
                let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
                timer.as_mut().reset(deadline);
                timer
            }
        };
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes no bytes")))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Unstalled<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Unstalled<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.watch(cx, written)
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

#[cfg(test)]
mod tests {
    use std::{io::ErrorKind, time::Duration};

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
        time::{Instant, sleep},
    };

    use super::Unstalled;

    const LIMIT: Duration = Duration::from_mins(1);

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_fails_the_write_at_the_limit() {
        let (io, _client) = duplex(16);
        let began = Instant::now();
        let error = Unstalled::new(io, LIMIT).write_all(&[0; 17]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!((LIMIT..LIMIT * 2).contains(&began.elapsed()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_is_waited_for() {
        let (io, mut client) = duplex(1);
        let reader = tokio::spawn(async move {
            for _ in 0..10 {
                sleep(LIMIT * 9 / 10).await;
                client.read_u8().await.unwrap();
            }
        });
        Unstalled::new(io, LIMIT).write_all(&[0; 10]).await.unwrap();
        reader.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn time_between_writes_does_not_count() {
        let (io, mut client) = duplex(1);
        let mut io = Unstalled::new(io, LIMIT);
        for _ in 0..2 {
            io.write_all(&[0]).await.unwrap();
            sleep(LIMIT * 3).await;
            let (written, read) = tokio::join!(io.write_all(&[0]), client.read_u16());
            written.unwrap();
            read.unwrap();
        }
    }
}
