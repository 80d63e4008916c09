//! What an object has that its head does not tell: tags, and who was granted what. Invariant: what cannot
//! be read is not left out; then nothing takes the object's place.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header::CONTENT_TYPE};

use super::{
    super::seal::{Courier, Errand, errands::Failure},
    Failed,
};
use crate::{
    s3::{
        Query, headers,
        xml::{self, AccessControl},
    },
    transform::seal::Sealed,
};

impl Courier {
    /// The grants of the object, as the headers with which a write brings them; none where nobody but
    /// the owner has any.
    pub(super) async fn grants(&self) -> Result<HeaderMap, Failed> {
        let errand = Errand::new(Method::GET, self.subresource("acl"));
        let Some(document) = some(self.answer(errand).await)? else { return Ok(HeaderMap::new()) };
        let access = xml::access_control(&document);
        let access = access.map_err(|error| Failed::new(format!("the object's ACL: {error}")))?;
        granting(&access)
    }

    /// The tags of the object, in the order of their keys.
    pub(super) async fn all_tags(&self) -> Result<Vec<(String, String)>, Failed> {
        match self.tags().await {
            Ok(mut tags) => {
                tags.sort_unstable();
                Ok(tags)
            }
            Err(failure) if is_nothing(&failure) => Ok(Vec::new()),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Writes the tags again where the backend has lost them with the copy, as Ceph RGW does whatever the
    /// copy says of them; but not onto what another program has written since.
    pub(super) async fn keep_tags(
        &self,
        tags: &[(String, String)],
        sealed: &Sealed,
    ) -> Result<(), Failed> {
        // Where they cannot be read they may be lost.
        if tags.is_empty() || self.all_tags().await.is_ok_and(|now| !now.is_empty()) {
            return Ok(());
        }
        let head = self.head().await.map_err(|error| Failed::from(error).and(&lost(tags)))?;
        match head.status {
            StatusCode::OK
                if Sealed::read(&head.headers).is_ok_and(|now| now.as_ref() == Some(sealed)) => {}
            StatusCode::OK | StatusCode::NOT_FOUND => return Ok(()),
            status => return Err(Failed::answered(status, "", "").and(&lost(tags))),
        }
        let written = xml::tagging(tags.iter().map(|(key, value)| (&**key, &**value)));
        let errand = Errand::new(Method::PUT, self.subresource("tagging"));
        let errand = errand.with(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        match self.answer(errand.with_own(written.into())?).await {
            Ok(_) => Ok(()),
            Err(failure) => Err(Failed::from(failure).and(&lost(tags))),
        }
    }

    pub(super) fn subresource(&self, name: &str) -> Query {
        let query = Query::of(name, "");
        match &self.version_id {
            Some(version_id) => query.and("versionId", version_id),
            None => query,
        }
    }
}

fn lost(tags: &[(String, String)]) -> String {
    format!("its tags {} were lost and are to be written", told(tags))
}

/// Tags, for a person.
pub(super) fn told(tags: &[(String, String)]) -> String {
    tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&")
}

/// Tags, as the header with which a write brings them; none where there are none.
pub(super) fn tagging(tags: &[(String, String)]) -> Result<HeaderMap, Failed> {
    if tags.is_empty() {
        return Ok(HeaderMap::new());
    }
    let query = tags.iter().fold(Query::default(), |query, (key, value)| query.and(key, value));
    let value = HeaderValue::try_from(query.encode());
    let value = value.map_err(|_| Failed::new("the object's tags cannot be written"))?;
    Ok(HeaderMap::from_iter([(headers::X_AMZ_TAGGING, value)]))
}

fn some<H, D>(asked: Result<(H, D), Failure>) -> Result<Option<D>, Failed> {
    match asked {
        Ok((_, document)) => Ok(Some(document)),
        Err(failure) if is_nothing(&failure) => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}

/// A backend without ACLs, or without tags, and a bucket whose owner owns all.
fn is_nothing(failure: &Failure) -> bool {
    let Failure::Told(told) = failure else { return false };
    let code = xml::find(&told.document, "Error", "Code").ok().flatten();
    let code = code.map(|(code, _)| code).unwrap_or_default();
    told.head.status == StatusCode::NOT_IMPLEMENTED || NOTHING.contains(&code.as_str())
}

fn granting(access: &AccessControl) -> Result<HeaderMap, Failed> {
    let mut granted = HeaderMap::new();
    if access.is_private() {
        return Ok(granted);
    }
    for (permission, name) in &PERMISSIONS {
        let grants = access.grants.iter().filter(|grant| grant.permission == *permission);
        let to: Vec<String> = grants.map(|it| format!("{}=\"{}\"", it.kind, it.grantee)).collect();
        if !to.is_empty() {
            let value = HeaderValue::try_from(to.join(", "));
            let value = value.map_err(|_| Failed::new("the object's ACL cannot be written"))?;
            granted.insert(name, value);
        }
    }
    let unknown = |it: &&xml::Grant| !PERMISSIONS.iter().any(|(known, _)| it.permission == *known);
    match access.grants.iter().find(unknown) {
        Some(grant) => Err(Failed::new(format!(
            "the object's ACL grants {:?}, which has no header",
            grant.permission
        ))),
        None => Ok(granted),
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html>
static PERMISSIONS: [(&str, HeaderName); 4] = [
    ("FULL_CONTROL", headers::X_AMZ_GRANT_FULL_CONTROL),
    ("READ", headers::X_AMZ_GRANT_READ),
    ("READ_ACP", headers::X_AMZ_GRANT_READ_ACP),
    ("WRITE_ACP", headers::X_AMZ_GRANT_WRITE_ACP),
];
const NOTHING: [&str; 3] = ["AccessControlListNotSupported", "MethodNotAllowed", "NoSuchTagSet"];

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(grants: &[(&'static str, &str, &str)]) -> AccessControl {
        let grants = grants.iter().map(|(kind, grantee, permission)| xml::Grant {
            kind,
            grantee: (*grantee).to_owned(),
            permission: (*permission).to_owned(),
        });
        AccessControl { owner: Some("me".to_owned()), grants: grants.collect() }
    }

    #[test]
    fn grants_become_the_headers_that_make_them_again() {
        assert!(granting(&grants(&[("id", "me", "FULL_CONTROL")])).unwrap().is_empty());
        let shared = grants(&[
            ("id", "me", "FULL_CONTROL"),
            ("uri", "http://a/AllUsers", "READ"),
            ("id", "you", "READ"),
        ]);
        let granted = granting(&shared).unwrap();
        assert_eq!(granted["x-amz-grant-full-control"], "id=\"me\"");
        assert_eq!(granted["x-amz-grant-read"], "uri=\"http://a/AllUsers\", id=\"you\"");
        assert_eq!(granted.len(), 2);
    }

    #[test]
    fn what_no_header_grants_is_not_left_out() {
        let odd = grants(&[("id", "you", "WRITE")]);
        assert!(granting(&odd).unwrap_err().to_string().contains("WRITE"));
        assert!(granting(&grants(&[("id", "a\nb", "READ")])).is_err());
    }
}
