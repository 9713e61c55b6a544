//! How much memory the answers of a run may take, all together, whatever servers send.
//!
//! An answer is read while it arrives, and of most little is kept. One that takes more than [`SMALL`] needs one of
//! [`PLACES`] places for large ones. If none is free it is given up, and asked for again once there is one: an answer
//! that waits half-read would hold up the others of its HTTP/2 connection, those that have a place too. So the
//! facts of a run take no more than [`SMALL`] for every request under way and [`MOST`] for every place.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::limit::by;

/// What any answer may take, in bytes: the facts of some thousand releases.
const SMALL: u64 = 512 << 10;

/// What an answer with a place may take, in bytes: far above the facts of any true one.
const MOST: u64 = 16 << 20;

/// Large answers that are read at once.
const PLACES: usize = 6;

/// Unpacking keeps the last part of what it unpacked: of brotli up to 16 MiB ([RFC 7932, 9.1]), of zstd as much as the
/// server asks for, up to 128 MiB. So a large body takes memory even if nothing of it is kept. True bodies of this size
/// are few.
///
/// [RFC 7932, 9.1]: https://www.rfc-editor.org/rfc/rfc7932#section-9.1
const LARGE_BODY: u64 = 4 << 20;

/// How often an answer is weighed: after every so many bytes, and less often the larger it is, since that walks its facts.
const STEP: u64 = 128 << 10;

/// The places of a run. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Room(Arc<Semaphore>);

/// A place for a large answer.
#[derive(Debug)]
pub(crate) struct Place(#[expect(dead_code, reason = "freed when it is dropped")] OwnedSemaphorePermit);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(PLACES)))
    }
}

impl Room {
    /// Waits for a place; `None` when there is none before the deadline.
    pub(crate) async fn place(&self, deadline: Option<Instant>) -> Option<Place> {
        by(deadline, Arc::clone(&self.0).acquire_owned()).await?.ok().map(Place)
    }

    fn place_at_once(&self) -> Option<Place> {
        Arc::clone(&self.0).try_acquire_owned().ok().map(Place)
    }
}

/// Why an answer may not be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Excess {
    /// It takes more than any may.
    TooLarge,
    /// It needs a place, and none is free.
    NoPlace,
}

/// What one answer takes.
#[derive(Debug)]
pub(crate) struct Scale {
    room: Room,
    has_place: bool,
    taken: Option<Place>,
    next: u64,
}

impl Scale {
    /// For an answer of which nothing is read; `has_place` if a place is held for it already.
    pub(crate) fn new(room: &Room, has_place: bool) -> Self {
        Self { room: room.clone(), has_place, taken: None, next: STEP }
    }

    /// Weighs an answer of which `size` bytes are read, and of which `held` says how many it takes.
    pub(crate) fn weigh(&mut self, size: u64, held: impl FnOnce() -> usize) -> Result<(), Excess> {
        if size < self.next {
            return Ok(());
        }
        self.next = size + STEP.max(size / 8);
        let held = held() as u64;
        if held > MOST {
            return Err(Excess::TooLarge);
        }
        let is_large = held > SMALL || size > LARGE_BODY;
        if is_large && !self.has_place && self.taken.is_none() {
            self.taken = Some(self.room.place_at_once().ok_or(Excess::NoPlace)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_large_answers_need_a_place_and_places_are_few() {
        let room = Room::default();
        let mut small: Vec<Scale> = (0..100).map(|_| Scale::new(&room, false)).collect();
        for scale in &mut small {
            assert_eq!(scale.weigh(LARGE_BODY, || 512 << 10), Ok(()));
        }
        let mut large: Vec<Scale> = (0..=PLACES).map(|_| Scale::new(&room, false)).collect();
        let weighed: Vec<_> = large.iter_mut().map(|scale| scale.weigh(STEP, || 1 << 20)).collect();
        assert_eq!(weighed.iter().filter(|weighed| weighed.is_ok()).count(), PLACES);
        assert_eq!(weighed.last(), Some(&Err(Excess::NoPlace)));
        assert_eq!(Scale::new(&room, true).weigh(LARGE_BODY + 1, || 0), Ok(()));
        assert_eq!(small[0].weigh(2 * LARGE_BODY, || 0), Err(Excess::NoPlace));
        drop(large);
        assert_eq!(Scale::new(&room, false).weigh(STEP, || 1 << 20), Ok(()));
    }

    #[test]
    fn no_answer_takes_more_than_the_most_even_with_a_place() {
        let room = Room::default();
        assert_eq!(Scale::new(&room, true).weigh(STEP, || 17 << 20), Err(Excess::TooLarge));
    }

    #[test]
    fn an_answer_is_weighed_now_and_then() {
        let room = Room::default();
        let mut scale = Scale::new(&room, false);
        let times = std::cell::Cell::new(0);
        let held = || {
            times.set(times.get() + 1);
            0
        };
        for chunk in 1..=4096_u64 {
            scale.weigh(chunk * (1 << 10), held).unwrap();
        }
        assert!((16..40).contains(&times.get()), "{times:?}");
    }

    #[tokio::test]
    async fn whoever_waits_for_a_place_gets_the_next_that_is_free() {
        let room = Room::default();
        let mut places = Vec::new();
        for _ in 0..PLACES {
            places.push(room.place(None).await.unwrap());
        }
        assert!(room.place(Some(Instant::now())).await.is_none());
        places.pop();
        assert!(room.place(Some(Instant::now())).await.is_some());
    }
}
