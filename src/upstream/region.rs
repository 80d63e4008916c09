//! Which region a bucket is in, as the backend tells it. Invariant: what a backend says is taken for
//! the name of a region, and for nothing else: no host that it names is ever dialled.

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use http::{Response, StatusCode};

use crate::s3::headers::X_AMZ_BUCKET_REGION;

/// Buckets whose region is known: those that answered, and those that another region was named for.
#[derive(Clone, Debug, Default)]
pub(super) struct Regions(Arc<ArcSwap<HashMap<String, Arc<str>>>>);

impl Regions {
    pub(super) fn find(&self, bucket: &str) -> Option<Arc<str>> {
        self.0.load().get(bucket).cloned()
    }

    /// Remembers it, in place of what was known before. Where there are too many, all are forgotten:
    /// each can be learned again at the price of one request.
    pub(super) fn learn(&self, bucket: &str, region: &Arc<str>) {
        if self.find(bucket).is_some_and(|known| known == *region) {
            return;
        }
        self.0.rcu(|known| {
            let mut regions = HashMap::clone(known);
            if regions.len() >= REGIONS_MAX {
                regions.clear();
            }
            regions.insert(bucket.to_owned(), Arc::clone(region));
            regions
        });
    }
}

/// The region that an answer sends its request to
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/Redirects.html>); 400 stands for a signature
/// that was made for another one.
pub(super) fn named<B>(answer: &Response<B>) -> Option<&str> {
    let leads_away = [
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
        StatusCode::BAD_REQUEST,
    ];
    let region = answer.headers().get(&X_AMZ_BUCKET_REGION)?.to_str().ok()?;
    (leads_away.contains(&answer.status()) && is_region(region)).then_some(region)
}

/// It becomes a label of a host's name.
fn is_region(text: &str) -> bool {
    let accepts = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=REGION_BYTES_MAX).contains(&text.len())
        && text.bytes().all(accepts)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Buckets of one backend.
const REGIONS_MAX: usize = 1024;
/// The longest are below 20.
const REGION_BYTES_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::Response;

    use super::{REGIONS_MAX, Regions, named};

    #[test]
    fn a_region_is_a_label_and_nothing_else() {
        let check = |status: u16, region: &str, expected: bool| {
            let answer = Response::builder().status(status).header("x-amz-bucket-region", region);
            assert_eq!(named(&answer.body(()).unwrap()).is_some(), expected, "{status} {region}");
        };
        for status in [301, 307, 308, 400] {
            check(status, "eu-central-1", true);
        }
        for status in [200, 302, 304, 403, 404] {
            check(status, "eu-central-1", false);
        }
        for region in ["", "a.b", "evil.example/", "a@b", "-a", "a-", "A", &"a".repeat(33)] {
            check(301, region, false);
        }
    }

    #[test]
    fn what_is_known_is_bounded() {
        let regions = Regions::default();
        let region: Arc<str> = "eu-central-1".into();
        for number in 0..=REGIONS_MAX {
            regions.learn(&number.to_string(), &region);
        }
        assert_eq!(regions.find("0"), None);
        assert_eq!(regions.find(&REGIONS_MAX.to_string()), Some(region));
    }
}
