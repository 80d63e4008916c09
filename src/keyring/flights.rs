//! One call for all who want the same key at the same time. Invariant: a call goes on when those who
//! wait for it go away, so that none of them can make it fail for the others.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use super::cache::Label;

/// Calls that are under way.
#[derive(Debug)]
pub(super) struct Flights<T>(Arc<Mutex<UnderWay<T>>>);

type UnderWay<T> = HashMap<Label, watch::Receiver<Option<T>>>;

/// Why there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// There are [`FLIGHTS_MAX`] calls under way.
    TooMany,
    /// The call ended without one.
    Ended,
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    /// The result of the call that is under way for `label`, or of a new one. `found` is asked once
    /// more whether there is need of one, since another may have ended just now.
    pub(super) async fn join<F>(
        &self,
        label: Label,
        found: impl FnOnce() -> Option<T>,
        call: impl FnOnce() -> F,
    ) -> Result<T, Lost>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut result = {
            let mut under_way = self.under_way();
            if let Some(result) = under_way.get(&label) {
                result.clone()
            } else if let Some(found) = found() {
                return Ok(found);
            } else if under_way.len() >= FLIGHTS_MAX {
                return Err(Lost::TooMany);
            } else {
                let (sender, result) = watch::channel(None);
                under_way.insert(label, result.clone());
                let landing = Landing { flights: Self(Arc::clone(&self.0)), label };
                let call = call();
                tokio::spawn(async move {
                    let done = call.await;
                    drop(landing);
                    sender.send_replace(Some(done));
                });
                result
            }
        };
        let done = result.wait_for(Option::is_some).await.map_err(|_| Lost::Ended)?;
        done.clone().ok_or(Lost::Ended)
    }

    /// Whether a call for `label` is under way.
    pub(super) fn has(&self, label: &Label) -> bool {
        self.under_way().contains_key(label)
    }
}

impl<T> Flights<T> {
    fn under_way(&self) -> MutexGuard<'_, UnderWay<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for Flights<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// Takes a call off the list, also where it panicked.
struct Landing<T> {
    flights: Flights<T>,
    label: Label,
}

impl<T> Drop for Landing<T> {
    fn drop(&mut self) {
        self.flights.under_way().remove(&self.label);
    }
}

/// Keys that are asked for at the same time.
const FLIGHTS_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use tokio::sync::Semaphore;

    use super::{FLIGHTS_MAX, Flights, Label, Lost};

    fn label(number: usize) -> Label {
        Label::of(&[&number.to_be_bytes()])
    }

    #[tokio::test]
    async fn all_who_wait_get_the_result_of_one_call() {
        let flights = Arc::new(Flights::default());
        let (calls, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let join = || {
            let (flights, calls, gate) = (flights.clone(), calls.clone(), gate.clone());
            tokio::spawn(async move {
                let call = || async move {
                    let _ = gate.acquire().await;
                    calls.fetch_add(1, Ordering::Relaxed)
                };
                flights.join(label(0), || None, call).await
            })
        };
        // The one that called goes away, the others wait on.
        let first = join();
        while !flights.has(&label(0)) {
            tokio::task::yield_now().await;
        }
        first.abort();
        let waiting: Vec<_> = (0..100).map(|_| join()).collect();
        tokio::task::yield_now().await;
        gate.add_permits(1);
        for one in waiting {
            assert_eq!(one.await.unwrap(), Ok(0));
        }
        assert!(!flights.has(&label(0)));
    }

    #[tokio::test]
    async fn what_was_found_meanwhile_needs_no_call() {
        let flights = Flights::default();
        let call = || async { panic!("it was found") };
        assert_eq!(flights.join(label(0), || Some(7), call).await, Ok(7));
    }

    #[tokio::test]
    async fn a_call_that_panics_leaves_nothing_behind() {
        let flights: Flights<usize> = Flights::default();
        let call = || async { panic!("as meant") };
        assert_eq!(flights.join(label(0), || None, call).await, Err(Lost::Ended));
        assert_eq!(flights.join(label(0), || None, || async { 1 }).await, Ok(1));
    }

    #[tokio::test]
    async fn calls_do_not_pile_up_without_limit() {
        let flights: Arc<Flights<usize>> = Arc::new(Flights::default());
        for number in 0..FLIGHTS_MAX {
            let flights = flights.clone();
            tokio::spawn(async move {
                flights.join(label(number), || None, std::future::pending).await
            });
        }
        while !flights.has(&label(FLIGHTS_MAX - 1)) {
            tokio::task::yield_now().await;
        }
        let one_more = flights.join(label(FLIGHTS_MAX), || None, || async { 1 }).await;
        assert_eq!(one_more, Err(Lost::TooMany));
    }
}
