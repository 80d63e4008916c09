//! What a bucket's objects are asked for besides their bytes: lists, grants, tags, copies.

use std::{collections::BTreeMap, fmt::Write as _};

use portcullis::s3::xml;

use super::{Kept, Object, Reply, Seen, error, kept_headers};

impl Kept {
    /// Keys are listed as they stand in paths: encoded.
    pub(super) fn list_keys(&self, path: &str, query: &BTreeMap<&str, &str>) -> Reply {
        let (bucket, after) = (format!("{path}/"), query.get("continuation-token"));
        let after = after.or(query.get("start-after")).map_or("", |key| *key);
        let after = after.replace("%2F", "/");
        let prefix = query.get("prefix").map_or("", |prefix| *prefix).replace("%2F", "/");
        let mut keys = self.objects.iter().filter_map(|(path, object)| {
            let key = path.strip_prefix(&bucket)?;
            (*key > *after && key.starts_with(&prefix)).then_some((key, object))
        });
        let page: Vec<_> = keys.by_ref().take(self.keys_per_page).collect();
        let mut text = "<ListBucketResult><EncodingType>url</EncodingType>".to_owned();
        for (key, object) in &page {
            let size = object.body.len();
            let _ = write!(text, "<Contents><Key>{key}</Key><Size>{size}</Size></Contents>");
        }
        let (last, is_truncated) = (page.last().map_or("", |(key, _)| *key), keys.next().is_some());
        let _ = write!(
            text,
            "<IsTruncated>{is_truncated}</IsTruncated>\
             <NextContinuationToken>{last}</NextContinuationToken></ListBucketResult>"
        );
        Reply::ok().body(text)
    }

    /// Each object, and behind each an older version of it that is the same.
    pub(super) fn list_versions(&self, path: &str) -> Reply {
        let bucket = format!("{path}/");
        let mut text = "<ListVersionsResult>".to_owned();
        for (path, object) in &self.objects {
            let Some(key) = path.strip_prefix(&bucket) else { continue };
            for (is_latest, version) in [(true, "new"), (false, "old")] {
                let _ = write!(
                    text,
                    "<Version><Key>{key}</Key><VersionId>{version}</VersionId>\
                     <IsLatest>{is_latest}</IsLatest><Size>{}</Size></Version>",
                    object.body.len()
                );
            }
        }
        text += "<DeleteMarker><Key>gone</Key><IsLatest>true</IsLatest></DeleteMarker>";
        Reply::ok().body(text + "</ListVersionsResult>")
    }

    /// What was granted to readers, besides the owner's own.
    pub(super) fn acl(&self, path: &str) -> Reply {
        let grant = |kind: &str, who: &str, what: &str| {
            format!(
                "<Grant><Grantee><{kind}>{who}</{kind}></Grantee><Permission>{what}</Permission>\
                 </Grant>"
            )
        };
        let mut grants = grant("ID", "owner", "FULL_CONTROL");
        let granted = self.header(path, "x-amz-grant-read");
        for who in granted.iter().flat_map(|all| all.split(", ")) {
            let (kind, who) = who.split_once('=').unwrap();
            let kind = if kind == "id" { "ID" } else { "URI" };
            grants += &grant(kind, who.trim_matches('"'), "READ");
        }
        Reply::ok().body(format!(
            "<AccessControlPolicy><Owner><ID>owner</ID></Owner>\
             <AccessControlList>{grants}</AccessControlList></AccessControlPolicy>"
        ))
    }

    pub(super) fn tagging(&self, path: &str) -> Reply {
        let tags = self.header(path, "x-amz-tagging").unwrap_or_default();
        let tags = tags.split('&').filter_map(|tag| tag.split_once('='));
        let tags: String = tags
            .map(|(key, value)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>"))
            .collect();
        Reply::ok().body(format!("<Tagging><TagSet>{tags}</TagSet></Tagging>"))
    }

    pub(super) fn put_tagging(&mut self, path: &str, request: &Seen) -> Reply {
        let tags = xml::object_tags(&request.body).unwrap();
        let tags: Vec<_> = tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let Some(object) = self.objects.get_mut(path) else {
            return error("404 Not Found", "NoSuchKey");
        };
        object.headers.retain(|(name, _)| name != "x-amz-tagging");
        object.headers.push(("x-amz-tagging".to_owned(), tags.join("&")));
        Reply::ok()
    }

    /// A copy has the metadata of the request, if it replaces, and the tags of its source.
    pub(super) fn copy(&mut self, path: &str, request: &Seen) -> Reply {
        let source = self.objects.get(request.header("x-amz-copy-source").unwrap()).cloned();
        let Some(source) = source else { return error("404 Not Found", "NoSuchKey") };
        let is_other = |etag| etag != source.etag && !self.ignores_conditions;
        let name = if self.reads_conditions_as_ceph {
            "x-amz-copy-if-match"
        } else {
            "x-amz-copy-source-if-match"
        };
        if request.header(name).is_some_and(is_other) {
            return error("412 Precondition Failed", "PreconditionFailed");
        }
        if let Some((path, object)) = self.rival_of_copy.take() {
            self.objects.insert(path, object);
        }
        if self.looks_at_what_copies_replace && self.is_unwanted(path, request) {
            return error("412 Precondition Failed", "PreconditionFailed");
        }
        assert_eq!(request.header("x-amz-metadata-directive"), Some("REPLACE"));
        let mut headers = kept_headers(request);
        let is_tags = |(name, _): &(String, String)| name == "x-amz-tagging";
        if request.header("x-amz-tagging-directive") != Some("REPLACE") {
            headers.retain(|header| !is_tags(header));
            headers.extend(source.headers.into_iter().filter(is_tags));
        }
        if self.loses_tags {
            headers.retain(|header| !is_tags(header));
        }
        let etag = source.etag;
        let document = format!(
            "<CopyObjectResult><ETag>{}</ETag><LastModified>2026-01-31T12:00:00.000Z\
             </LastModified></CopyObjectResult>",
            xml::escape(&etag)
        );
        self.store(path, Object { body: source.body, etag, headers, version_id: None })
            .body(document)
    }

    pub(super) fn object_lock(&self) -> Reply {
        if !self.hides_locks {
            return error("404 Not Found", "ObjectLockConfigurationNotFoundError");
        }
        Reply::ok().body(
            "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>\
             </ObjectLockConfiguration>",
        )
    }

    pub(super) fn retention(&self, path: &str) -> Reply {
        let Some(until) = self.header(path, "x-amz-object-lock-retain-until-date") else {
            return error("404 Not Found", "NoSuchObjectLockConfiguration");
        };
        Reply::ok().body(format!(
            "<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>{until}</RetainUntilDate></Retention>"
        ))
    }

    pub(super) fn legal_hold(&self, path: &str) -> Reply {
        let Some(status) = self.header(path, "x-amz-object-lock-legal-hold") else {
            return error("404 Not Found", "NoSuchObjectLockConfiguration");
        };
        Reply::ok().body(format!("<LegalHold><Status>{status}</Status></LegalHold>"))
    }

    fn header(&self, path: &str, name: &str) -> Option<String> {
        let headers = &self.objects.get(path)?.headers;
        headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }
}
