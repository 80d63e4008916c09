//! Pauses before something is tried again. Invariant: what starts together does not go on together.

use std::time::Duration;

/// A part of a time, chosen at random, so that replicas that started together do not ask together.
pub fn share(time: Duration, (least, most): (f64, f64)) -> Duration {
    let mut byte = [0];
    // Where the system has no randomness the least will do.
    if aws_lc_rs::rand::fill(&mut byte).is_err() {
        byte = [0];
    }
    let [byte] = byte;
    time.mul_f64(least + (most - least) * f64::from(byte) / f64::from(u8::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::share;

    #[test]
    fn a_share_lies_between_its_bounds() {
        let time = Duration::from_secs(100);
        let shares: Vec<_> = (0..100).map(|_| share(time, (0.5, 0.75))).collect();
        let bounds = Duration::from_secs(50)..=Duration::from_secs(75);
        assert!(shares.iter().all(|share| bounds.contains(share)), "{shares:?}");
        assert!(shares.iter().any(|share| *share != shares[0]), "they are drawn");
    }
}
