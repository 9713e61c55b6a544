//! What bounds one conversation with a remote: silence, time, bytes, and whether anybody still waits for it.
//!
//! gix speaks through blocking readers and writers. Here they run on tokio's sockets and pipes, so every wait has an
//! end, no connection needs a thread of its own, and a lookup that nobody awaits any more stops by itself.

use std::future::Future;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::failure::{Cause, Failure};
use crate::error::Trouble;
use crate::http::room::Scale;

/// An answer of so many bytes needs a place: a list of some ten thousand refs.
const LARGE: usize = 1 << 20;

/// The bounds of one conversation, shared by all of its parts.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    runtime: Handle,
    silence: Duration,
    deadline: Instant,
    bytes_left: Arc<AtomicU64>,
    /// What all answers so far take: they are kept whole until they are understood.
    scale: Arc<Mutex<(u64, Scale)>>,
    awaited: Arc<watch::Sender<()>>,
    first_failure: Arc<Mutex<Option<Failure>>>,
}

impl Bounds {
    /// Bounds that begin now. The conversation is given up when the receiver is dropped. A large answer needs the place
    /// that `scale` finds for it.
    pub(super) fn new(silence: Duration, total: Duration, scale: Scale) -> (Self, watch::Receiver<()>) {
        let (awaited, interest) = watch::channel(());
        let bounds = Self {
            runtime: Handle::current(),
            silence,
            deadline: Instant::now() + total,
            bytes_left: Arc::new(AtomicU64::new(0)),
            scale: Arc::new(Mutex::new((0, scale))),
            awaited: Arc::new(awaited),
            first_failure: Arc::default(),
        };
        (bounds, interest)
    }

    /// The longest wait for the next sign of life.
    pub(super) fn silence(&self) -> Duration {
        self.silence
    }

    /// The runtime, for parts that spawn.
    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Allows the next answer this many bytes.
    pub(super) fn allow(&self, bytes: u64) {
        self.bytes_left.store(bytes, Ordering::Relaxed);
    }

    /// Takes bytes off what the answer may still have.
    pub(super) fn spend(&self, bytes: usize) -> Result<(), Failure> {
        let spent = |left: u64| left.checked_sub(bytes as u64);
        match self.bytes_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spent) {
            Ok(_) => self.weigh(bytes as u64),
            Err(_) => Err(Failure::new(Cause::TooLarge, "the answer is larger than allowed")),
        }
    }

    /// How large an answer may be is not told here but in what is allowed for it.
    fn weigh(&self, more: u64) -> Result<(), Failure> {
        let (size, scale) = &mut *self.scale.lock().unwrap_or_else(PoisonError::into_inner);
        *size += more;
        let held = usize::try_from(*size).unwrap_or(usize::MAX).min(LARGE);
        scale.weigh(*size, || held).map_err(|_| {
            Failure::new(Cause::Crowded, "it sent a large answer, and it was not its turn before the run's deadline")
        })
    }

    /// Awaits one step: a connection, the next bytes.
    pub(super) async fn step<T>(&self, step: impl Future<Output = T>) -> Result<T, Failure> {
        let until = self.deadline.min(Instant::now() + self.silence);
        tokio::select! {
            () = self.awaited.closed() => Err(given_up()),
            done = timeout_at(until, step) => done.map_err(|_| self.too_late(until)),
        }
    }

    /// Awaits one step from a blocking thread.
    pub(super) fn run<T>(&self, step: impl Future<Output = T>) -> Result<T, Failure> {
        // a runtime that is shutting down has dropped the lookup first, and can no longer keep time
        self.check()?;
        self.runtime.block_on(self.step(step))
    }

    /// Whether nobody waits for the conversation any more.
    pub(super) fn is_given_up(&self) -> bool {
        self.awaited.is_closed()
    }

    /// Ends work that goes on after the last byte.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.is_given_up() {
            return Err(given_up());
        }
        if Instant::now() >= self.deadline { Err(self.too_late(self.deadline)) } else { Ok(()) }
    }

    fn too_late(&self, until: Instant) -> Failure {
        let reason = if until == self.deadline {
            "no complete answer within the time for one lookup".to_owned()
        } else {
            format!("nothing came for {:?}", self.silence)
        };
        Failure::new(Cause::Unreachable(Trouble::Silence), reason)
    }

    /// Remembers why the conversation fails, for [`Bounds::failure`], since gix keeps only text.
    pub(super) fn record(&self, failure: Failure) -> io::Error {
        let error = io::Error::other(failure.clone());
        self.first_failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
        error
    }

    /// Why the conversation failed, if one of our own parts knows.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.first_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn given_up() -> Failure {
    Failure::new(Cause::Unreachable(Trouble::Silence), "the lookup was given up")
}

/// A socket or pipe as gix wants it: blocking, and within the bounds.
#[derive(Debug)]
pub(super) struct Bounded<T> {
    inner: T,
    bounds: Bounds,
}

impl<T> Bounded<T> {
    /// Puts a stream within the bounds.
    pub(super) fn new(inner: T, bounds: &Bounds) -> Self {
        Self { inner, bounds: bounds.clone() }
    }
}

impl<T: AsyncRead + Unpin> Read for Bounded<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bounds.run(self.inner.read(buffer)).map_err(|failure| self.bounds.record(failure))??;
        self.bounds.spend(read).map_err(|failure| self.bounds.record(failure))?;
        Ok(read)
    }
}

impl<T: AsyncWrite + Unpin> Write for Bounded<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bounds.run(self.inner.write(bytes)).map_err(|failure| self.bounds.record(failure))?
    }

    fn flush(&mut self) -> io::Result<()> {
        self.bounds.run(self.inner.flush()).map_err(|failure| self.bounds.record(failure))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::room::Room;

    #[tokio::test]
    async fn a_large_answer_needs_a_place_and_is_given_up_without() {
        let room = Room::default();
        let minute = Duration::from_mins(1);
        let bounds = |has_place| Bounds::new(minute, minute, Scale::new(&room, has_place)).0;
        let small = bounds(false);
        small.allow(u64::MAX);
        assert_eq!(small.spend(400 << 10), Ok(()));
        let mut places = Vec::new();
        while let Some(place) = room.place(Some(Instant::now())).await {
            places.push(place);
        }
        assert_eq!(small.spend(1 << 20).unwrap_err().cause, Cause::Crowded);
        let large = bounds(true);
        large.allow(64 << 20);
        assert_eq!(large.spend(64 << 20), Ok(()), "its own allowance is all that bounds it");
        assert_eq!(large.spend(1).unwrap_err().cause, Cause::TooLarge);
    }
}
