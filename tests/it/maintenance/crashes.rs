//! The operator's program ends, or the backend fails, before and after each request of its work. Whatever
//! is there then can be read, is what it was, and running it again brings the work to its end.

use portcullis::pipeline::maintenance::{
    Failed, Maintenance, Rewrapped, SealOptions, Sealed, Tried,
};

use super::{Ground, SEALING, plaintext, target, to};
use crate::support::store::Fault;

/// What is done, and what it is done to.
#[derive(Clone, Copy, Debug)]
enum Work {
    Rewrap,
    RewrapInParts,
    Seal,
    SealInParts,
}

impl Work {
    fn operator(self, ground: &Ground) -> Maintenance {
        let operator = super::operator(&ground.gate);
        match self {
            Self::Rewrap | Self::Seal => operator,
            Self::RewrapInParts | Self::SealInParts => operator.in_requests_of(5 << 20),
        }
    }

    fn body(self) -> Vec<u8> {
        match self {
            Self::Rewrap | Self::Seal => plaintext(70_000),
            Self::RewrapInParts | Self::SealInParts => plaintext(5_300_001),
        }
    }

    async fn prepare(self, ground: &Ground) {
        match self {
            Self::Rewrap | Self::RewrapInParts => ground.write("key", &self.body()).await,
            Self::Seal | Self::SealInParts => ground.place("key", &self.body()),
        }
        ground.store.log();
    }

    /// Whether it was done, and not found done.
    async fn attempt(self, operator: &Maintenance, tried: &Tried) -> Result<bool, Failed> {
        let key = target("key");
        match self {
            Self::Rewrap | Self::RewrapInParts => {
                let rewrapped = operator.rewrap(&key, to(Some("other")), tried).await?;
                Ok(matches!(rewrapped, Rewrapped::Done(_)))
            }
            Self::Seal | Self::SealInParts => {
                let options = SealOptions { verifies: true, ..SEALING };
                Ok(matches!(operator.seal(&key, options, tried).await?, Sealed::Done { .. }))
            }
        }
    }

    /// Whether it went well.
    async fn run(self, operator: &Maintenance) -> bool {
        self.attempt(operator, &Tried::default()).await.is_ok()
    }
}

async fn fails_at_each_request(work: Work) {
    let ground = Ground::new().await;
    let operator = work.operator(&ground);
    work.prepare(&ground).await;
    assert!(work.run(&operator).await);
    let requests = ground.store.log().len();
    assert!(requests > 2, "{work:?}");
    for fault in [Fault::Refuses, Fault::HangsUp, Fault::HangsUpAfterwards] {
        for request in 0..requests {
            let whence = format!("{work:?}, {fault:?} at request {request}");
            work.prepare(&ground).await;
            ground.store.fails_after(request, fault);
            let went_well = work.run(&operator).await;
            ground.is_whole("key", &work.body(), &whence).await;
            if !went_well {
                assert!(work.run(&operator).await, "{whence}: not again");
                ground.is_whole("key", &work.body(), &whence).await;
            }
            assert!(ground.is_sealed("key"), "{whence}");
        }
    }
}

/// Whoever tries again within one run knows what was done before, also where no answer told of it.
async fn is_done_by_trying_again(work: Work) {
    let ground = Ground::new().await;
    ground.store.loses_tags();
    let operator = work.operator(&ground);
    work.prepare(&ground).await;
    assert!(work.run(&operator).await);
    let requests = ground.store.log().len();
    let faults: &[Fault] = match work {
        Work::Rewrap | Work::Seal => &[Fault::Refuses, Fault::HangsUp, Fault::HangsUpAfterwards],
        // Of large bodies only those whose answers are lost.
        Work::RewrapInParts | Work::SealInParts => &[Fault::HangsUpAfterwards],
    };
    for &fault in faults {
        for request in 0..requests {
            let whence = format!("{work:?}, {fault:?} at request {request}");
            work.prepare(&ground).await;
            ground.store.fails_after(request, fault);
            let tried = Tried::default();
            let mut attempted = work.attempt(&operator, &tried).await;
            if let Err(failed) = &attempted {
                assert!(failed.is_passing(), "{whence}: {failed}");
                attempted = work.attempt(&operator, &tried).await;
            }
            assert_eq!(attempted, Ok(true), "{whence}");
            let reads = ground.store.log().into_iter().filter(|asked| asked == "GET /bucket/key");
            // It is read, read again for sealing, in two parts or none, and compared.
            let least = match work {
                Work::Rewrap | Work::RewrapInParts => 0,
                Work::Seal => 3,
                Work::SealInParts => 4,
            };
            assert!(reads.count() >= least, "{whence}");
            ground.is_whole("key", &work.body(), &whence).await;
        }
    }
}

#[tokio::test]
async fn a_rewrap_whose_answer_is_lost_is_known_to_be_done() {
    is_done_by_trying_again(Work::Rewrap).await;
}

#[tokio::test]
async fn a_rewrap_in_parts_whose_answer_is_lost_is_known_to_be_done() {
    is_done_by_trying_again(Work::RewrapInParts).await;
}

#[tokio::test]
async fn a_sealing_whose_answer_is_lost_is_known_to_be_done_and_compared() {
    is_done_by_trying_again(Work::Seal).await;
}

#[tokio::test]
async fn a_sealing_in_parts_whose_answer_is_lost_is_known_to_be_done_and_compared() {
    is_done_by_trying_again(Work::SealInParts).await;
}

#[tokio::test]
async fn a_rewrap_that_breaks_off_loses_nothing() {
    fails_at_each_request(Work::Rewrap).await;
}

#[tokio::test]
async fn a_rewrap_in_parts_that_breaks_off_loses_nothing() {
    fails_at_each_request(Work::RewrapInParts).await;
}

#[tokio::test]
async fn a_sealing_that_breaks_off_loses_nothing() {
    fails_at_each_request(Work::Seal).await;
}

#[tokio::test]
async fn a_sealing_in_parts_that_breaks_off_loses_nothing() {
    fails_at_each_request(Work::SealInParts).await;
}
