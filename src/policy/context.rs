//! Which condition keys the gate knows. Invariant: a document that names any other key is refused: a
//! Deny on a key that is never there would never fire.
//!
//! Names are AWS's (Service Authorization Reference, "Condition keys for Amazon S3"; IAM user guide,
//! "Global condition context keys"). A name that ends in `/` is a family, one key a tag.

use super::{faults::nearest, keys::is_same};

/// A condition key that the gate takes from each request that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownKey {
    /// As AWS spells it.
    pub name: &'static str,
    /// A request may give several values.
    pub is_multivalued: bool,
}

/// How the gate stands to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Known(KnownKey),
    /// AWS has the key; the gate cannot know its value, for this reason.
    Unknowable(&'static str),
    /// Nobody has it, as far as we know.
    Unknown,
}

/// How the gate stands to the key of this name.
pub(super) fn standing(name: &str) -> Standing {
    if let Some(known) = KNOWN_KEYS.iter().find(|known| is_of(known.name, name)) {
        return Standing::Known(*known);
    }
    let unknowable = UNKNOWABLE.iter().find(|(_, keys)| keys.iter().any(|key| is_of(key, name)));
    unknowable.map_or(Standing::Unknown, |(reason, _)| Standing::Unknowable(reason))
}

/// The nearest key to a misspelt one.
pub(super) fn suggestion(name: &str) -> Option<&'static str> {
    nearest(name, KNOWN_KEYS.iter().map(|known| known.name))
}

/// The nearest of the keys that the configuration can declare.
pub(super) fn declarable(name: &str) -> Option<&'static str> {
    nearest(name, UNKNOWABLE.iter().flat_map(|(_, keys)| keys.iter().copied()))
}

/// Whether a name is the key, or of the family.
pub(super) fn is_of(key: &str, name: &str) -> bool {
    if !key.ends_with('/') {
        return is_same(key, name);
    }
    name.len() > key.len()
        && name.get(..key.len()).is_some_and(|family| family.eq_ignore_ascii_case(key))
}

const fn one(name: &'static str) -> KnownKey {
    KnownKey { name, is_multivalued: false }
}

const fn many(name: &'static str) -> KnownKey {
    KnownKey { name, is_multivalued: true }
}

/// The keys that the gate knows, and where it takes them from. A key that is not of the operation, or
/// whose source is not in the request, is absent.
pub const KNOWN_KEYS: [KnownKey; 52] = [
    // - the connection to the gate, and its clock: always
    one("aws:CurrentTime"),
    one("aws:EpochTime"),
    one("aws:SecureTransport"),
    one("aws:SourceIp"),
    // - the region that callers sign for
    one("aws:RequestedRegion"),
    // - the version of TLS, `1.2` or `1.3`: absent on plain HTTP
    one("s3:TlsVersion"),
    // - the caller; an anonymous one has type `Anonymous`, account and userid `anonymous`, and no
    //   more. The gate's credentials have no unique id: `aws:userid` is the access key's.
    one("aws:PrincipalAccount"),
    one("aws:PrincipalArn"),
    one("aws:PrincipalType"),
    one("aws:userid"),
    one("aws:username"),
    // - always `false`: no service of AWS calls through the gate. The second only of signed requests
    one("aws:ViaAWSService"),
    one("aws:PrincipalIsAWSService"),
    // - the signature: absent for anonymous callers; the age, in milliseconds, only when presigned or in a form
    one("s3:authType"),
    one("s3:signatureAge"),
    one("s3:signatureversion"),
    // - headers of the same name
    one("aws:Referer"),
    one("aws:UserAgent"),
    one("s3:if-match"),
    one("s3:if-none-match"),
    one("s3:x-amz-acl"),
    one("s3:x-amz-content-sha256"),
    one("s3:x-amz-grant-full-control"),
    one("s3:x-amz-grant-read"),
    one("s3:x-amz-grant-read-acp"),
    one("s3:x-amz-grant-write"),
    one("s3:x-amz-grant-write-acp"),
    one("s3:x-amz-metadata-directive"),
    one("s3:x-amz-object-ownership"),
    one("s3:x-amz-storage-class"),
    one("s3:x-amz-website-redirect-location"),
    // - the header of the same name, in parts and completion that of the upload's creation
    one("s3:x-amz-server-side-encryption"),
    one("s3:x-amz-server-side-encryption-aws-kms-key-id"),
    // - the header of the same name, each request by itself
    one("s3:x-amz-server-side-encryption-customer-algorithm"),
    // - `x-amz-copy-source`, decoded, without leading slash and version
    one("s3:x-amz-copy-source"),
    // - lock headers, or the document that locks; the days from now to that date, rounded up
    one("s3:object-lock-legal-hold"),
    one("s3:object-lock-mode"),
    one("s3:object-lock-remaining-retention-days"),
    one("s3:object-lock-retain-until-date"),
    // - `x-amz-tagging`, or the document that tags
    one("s3:RequestObjectTag/"),
    many("s3:RequestObjectTagKeys"),
    // - other documents: of a bucket's creation and of an inventory
    one("aws:RequestTag/"),
    many("aws:TagKeys"),
    one("s3:locationconstraint"),
    many("s3:InventoryAccessibleOptionalFields"),
    // - parameters of the query; `max-keys` is 1000 where a listing names none
    one("s3:annotation-prefix"),
    one("s3:delimiter"),
    one("s3:max-annotation-results"),
    one("s3:max-keys"),
    one("s3:prefix"),
    one("s3:VersionId"),
    // - the operation: `true` where it makes an object, `false` where it makes a part or an upload
    one("s3:ObjectCreationOperation"),
];

/// Keys that AWS has and the gate cannot know, by reason.
const UNKNOWABLE: [(&str, &[&str]); 7] = [
    (
        "it would have to ask the backend for each request",
        &["aws:ResourceTag/", "s3:BucketTag/", "s3:ExistingObjectTag/"],
    ),
    (
        "only the network of AWS knows it",
        &[
            "aws:Ec2InstanceSourcePrivateIPv4",
            "aws:Ec2InstanceSourceVpc",
            "aws:SourceVpc",
            "aws:SourceVpce",
            "aws:VpcSourceIp",
        ],
    ),
    (
        "its credentials carry no organization, tags or sessions",
        &[
            "aws:FederatedProvider",
            "aws:MultiFactorAuthAge",
            "aws:MultiFactorAuthPresent",
            "aws:PrincipalOrgID",
            "aws:PrincipalOrgPaths",
            "aws:PrincipalTag/",
            "aws:SourceIdentity",
            "aws:TokenIssueTime",
        ],
    ),
    (
        "buckets behind it have no owner that it knows",
        &["aws:ResourceAccount", "aws:ResourceOrgID", "aws:ResourceOrgPaths", "s3:ResourceAccount"],
    ),
    (
        "services of AWS do not call through it",
        &[
            "aws:CalledVia",
            "aws:CalledViaFirst",
            "aws:CalledViaLast",
            "aws:PrincipalServiceName",
            "aws:PrincipalServiceNamesList",
            "aws:SourceAccount",
            "aws:SourceArn",
            "s3:deliverySourceArn",
            "s3:destinationRegion",
            "s3:isReplicationPauseRequest",
            "s3:logType",
            "s3:resourceArnBeingAuthorized",
        ],
    ),
    (
        "it stands in a header that the gate does not pass on",
        &[
            "s3:object-lock-event-hold",
            "s3:object-lock-event-hold-duration-days",
            "s3:x-amz-bucket-namespace",
            "s3:x-amz-object-annotation-directive",
            "s3:x-amz-object-if-match",
        ],
    ),
    (
        "it belongs to a feature that the gate does not serve",
        &[
            "s3:AccessGrantScope",
            "s3:AccessGrantsInstanceArn",
            "s3:AccessGrantsLocationScope",
            "s3:AccessPointNetworkOrigin",
            "s3:AccessPointTag/",
            "s3:DataAccessPointAccount",
            "s3:DataAccessPointArn",
            "s3:ExistingJobOperation",
            "s3:ExistingJobPriority",
            "s3:JobSuspendedCause",
            "s3:RequestJobOperation",
            "s3:RequestJobPriority",
        ],
    ),
];
