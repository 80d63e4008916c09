//! Keys that are kept for a while. Invariant: there are never more than the limit, none is given out
//! after its time, and what is dropped is wiped by its own type.

use std::{
    collections::HashMap,
    sync::{
        PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::digest;
use tokio::time::Instant;

/// What a key is kept by: a digest, so that looking one up copies nothing, and nobody can make two
/// things look the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Label([u8; 32]);

/// Values by label.
pub(super) struct Cache<V> {
    entries: RwLock<HashMap<Label, Entry<V>>>,
    entries_max: usize,
    lifetime: Duration,
    /// What the times of use count from.
    began: Instant,
}

struct Entry<V> {
    value: V,
    until: Instant,
    /// Seconds since the cache began.
    used: AtomicU64,
}

impl Label {
    /// Of texts and bytes, of which none can run into the next.
    pub(super) fn of(parts: &[&[u8]]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in parts {
            context.update(&part.len().to_be_bytes());
            context.update(part);
        }
        let mut label = [0; 32];
        label.copy_from_slice(context.finish().as_ref());
        Self(label)
    }
}

impl<V: Clone> Cache<V> {
    pub(super) fn new(entries_max: usize, lifetime: Duration) -> Self {
        let entries = RwLock::default();
        Self { entries, entries_max: entries_max.max(1), lifetime, began: Instant::now() }
    }

    /// A value, and how much of its time has passed, from 0 to 1.
    pub(super) fn find(&self, label: &Label) -> Option<(V, f64)> {
        let now = Instant::now();
        let entries = self.read();
        let entry = entries.get(label).filter(|entry| now < entry.until)?;
        let used = now.duration_since(self.began).as_secs();
        // Most find it written: readers on other cores then keep their copy of it.
        if entry.used.load(Ordering::Relaxed) != used {
            entry.used.store(used, Ordering::Relaxed);
        }
        let left = entry.until.duration_since(now);
        Some((entry.value.clone(), 1.0 - left.div_duration_f64(self.lifetime)))
    }

    pub(super) fn keep(&self, label: Label, value: V) {
        let now = Instant::now();
        let used = AtomicU64::new(now.duration_since(self.began).as_secs());
        let entry = Entry { value, until: now + self.lifetime, used };
        let mut entries = self.write();
        if entries.len() >= self.entries_max && !entries.contains_key(&label) {
            make_room(&mut entries, now, self.entries_max);
        }
        let replaced = entries.insert(label, entry);
        drop(entries);
        drop(replaced);
    }

    /// Drops what has had its time, which would otherwise stay in memory until its room is needed.
    pub(super) fn sweep(&self) {
        let now = Instant::now();
        if self.read().values().any(|entry| entry.until <= now) {
            self.write().retain(|_, entry| now < entry.until);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.read().len()
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<Label, Entry<V>>> {
        // Entries are written in one piece, so that a panic elsewhere leaves them whole.
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Label, Entry<V>>> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Drops what has had its time, or else a share of what was used least recently: so this is rare.
fn make_room<V>(entries: &mut HashMap<Label, Entry<V>>, now: Instant, entries_max: usize) {
    entries.retain(|_, entry| now < entry.until);
    if entries.len() < entries_max {
        return;
    }
    let mut by_use: Vec<(u64, Label)> =
        entries.iter().map(|(label, entry)| (entry.used.load(Ordering::Relaxed), *label)).collect();
    let share = (entries_max / EVICTED_SHARE).max(1);
    if share < by_use.len() {
        by_use.select_nth_unstable_by_key(share, |(used, _)| *used);
    }
    for (_, label) in by_use.iter().take(share) {
        entries.remove(label);
    }
}

impl<V> std::fmt::Debug for Cache<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cache(..)")
    }
}

/// One of so many entries goes when there is no room.
const EVICTED_SHARE: usize = 8;

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use proptest::{collection::vec, prelude::*};
    use tokio::time::advance;

    use super::{Cache, Label};

    const LIFETIME: Duration = Duration::from_secs(100);

    fn label(number: usize) -> Label {
        Label::of(&[&number.to_be_bytes()])
    }

    #[test]
    fn labels_tell_where_parts_end() {
        assert_ne!(Label::of(&[b"ab", b"c"]), Label::of(&[b"a", b"bc"]));
        assert_ne!(Label::of(&[b"ab"]), Label::of(&[b"ab", b""]));
        assert_eq!(Label::of(&[b"ab", b"c"]), Label::of(&[b"ab", b"c"]));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_given_out_after_its_time() {
        let cache = Cache::new(10, LIFETIME);
        cache.keep(label(1), 'a');
        assert_eq!(cache.find(&label(1)), Some(('a', 0.0)));
        advance(LIFETIME / 2).await;
        assert_eq!(cache.find(&label(1)), Some(('a', 0.5)), "its use does not make it younger");
        advance(LIFETIME / 2).await;
        assert_eq!(cache.find(&label(1)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_had_its_time_is_dropped_and_wiped() {
        let cache = Cache::new(10, LIFETIME);
        let (old, young) = (Arc::new(()), Arc::new(()));
        cache.keep(label(1), Arc::clone(&old));
        advance(LIFETIME / 2).await;
        cache.keep(label(2), Arc::clone(&young));
        advance(LIFETIME / 2).await;
        cache.sweep();
        assert_eq!((Arc::strong_count(&old), Arc::strong_count(&young)), (1, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_used_last_stays() {
        let cache = Cache::new(16, LIFETIME);
        for number in 0..16 {
            cache.keep(label(number), number);
        }
        advance(Duration::from_secs(2)).await;
        for number in 4..16 {
            assert!(cache.find(&label(number)).is_some());
        }
        cache.keep(label(16), 16);
        assert_eq!(cache.len(), 15, "an eighth went, one came");
        assert!((4..=16).all(|number| cache.find(&label(number)).is_some()));
    }

    proptest! {
        #[test]
        fn there_are_never_more_than_the_limit(max in 1_usize..20, keys in vec(0_usize..40, 0..200)) {
            let cache = Cache::new(max, LIFETIME);
            for key in keys {
                cache.keep(label(key), key);
                prop_assert!(cache.len() <= max);
                prop_assert_eq!(cache.find(&label(key)).map(|(value, _)| value), Some(key));
            }
        }
    }
}
