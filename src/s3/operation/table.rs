//! The table of operations: how each is recognised, what it takes, and what it needs. Invariant: a
//! request that fits no row is not S3.
//!
//! Sources: AWS's [API reference][1] and its list of [actions by operation][2].
//!
//! [1]: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations.html
//! [2]: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html

use http::Method;

use super::{
    Body, Level,
    row::{
        Condition::{Acl, BucketLock, BypassGovernance, LegalHold, Ownership, Retention, Tags},
        Mark,
        Permission::{Always, If, ReadSource, Versioned},
        Row, Selector,
    },
};

/// `Name: METHOD(body) Level [selecting parameters] if mark also [others] => permissions;`
///
/// A selecting parameter has no value, or `= any`, or the value that stands there. No permission
/// means that none is needed or that the body names them: see `Request::actions`.
macro_rules! operations {
    ($(
        $name:ident: $method:ident $(($body:ident))? $level:ident
        [$($selector:literal $(= $value:tt)?),*]
        $(if $mark:ident)? $(also [$($optional:literal),*])?
        => $($permission:expr),*;
    )*) => {
        /// Every S3 operation; deprecated twins are folded into their successors, whose routes they
        /// share.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Operation {$(
            #[doc = concat!(
                "`", stringify!($method), "` on [`Level::", stringify!($level), "`]",
                $(" `?", $selector, "`",)* "."
            )]
            $name,
        )*}

        impl Operation {
            /// Every operation, by name.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// AWS's name, such as `PutObject`.
            pub fn name(self) -> &'static str {
                match self {$(Self::$name => stringify!($name),)*}
            }

            /// What the table says of it.
            pub(in crate::s3) fn row(self) -> &'static Row {
                match self {$(Self::$name => {
                    static ROW: Row = Row {
                        method: Method::$method,
                        level: Level::$level,
                        body: choose!(Body::None $(, Body::$body)?),
                        selectors: &[$(selector!($selector $(= $value)?)),*],
                        mark: choose!(None $(, Some(Mark::$mark))?),
                        optional: choose!(&[] $(, &[$($optional),*])?),
                        permissions: &[$($permission),*],
                    };
                    &ROW
                })*}
            }
        }
    };
}

macro_rules! selector {
    ($name:literal) => {
        Selector::Flag($name)
    };
    ($name:literal = any) => {
        Selector::Any($name)
    };
    ($name:literal = $value:literal) => {
        Selector::Exactly($name, $value)
    };
}

/// The last of its arguments.
macro_rules! choose {
    ($default:expr) => {
        $default
    };
    ($default:expr, $value:expr) => {
        $value
    };
}

operations! {
    AbortMultipartUpload: DELETE Object ["uploadId" = any] => Always("s3:AbortMultipartUpload");
    CompleteMultipartUpload: POST(Document) Object ["uploadId" = any] => Always("s3:PutObject");
    CopyObject: PUT Object [] if CopySource
        => ReadSource, Always("s3:PutObject"), If(Acl, "s3:PutObjectAcl"),
            If(Tags, "s3:PutObjectTagging"), If(LegalHold, "s3:PutObjectLegalHold"),
            If(Retention, "s3:PutObjectRetention");
    CreateBucket: PUT(Document) Bucket []
        => Always("s3:CreateBucket"), If(Acl, "s3:PutBucketAcl"),
            If(Ownership, "s3:PutBucketOwnershipControls"),
            If(BucketLock, "s3:PutBucketObjectLockConfiguration"),
            If(BucketLock, "s3:PutBucketVersioning");
    CreateBucketMetadataConfiguration: POST(Document) Bucket ["metadataConfiguration"]
        => Always("s3:CreateBucketMetadataTableConfiguration");
    CreateBucketMetadataTableConfiguration: POST(Document) Bucket ["metadataTable"]
        => Always("s3:CreateBucketMetadataTableConfiguration");
    CreateMultipartUpload: POST Object ["uploads"]
        => Always("s3:PutObject"), If(Acl, "s3:PutObjectAcl"), If(Tags, "s3:PutObjectTagging"),
            If(LegalHold, "s3:PutObjectLegalHold"), If(Retention, "s3:PutObjectRetention");
    CreateSession: GET Bucket ["session"] => Always("s3express:CreateSession");
    DeleteBucket: DELETE Bucket [] => Always("s3:DeleteBucket");
    DeleteBucketAnalyticsConfiguration: DELETE Bucket ["analytics", "id" = any]
        => Always("s3:PutAnalyticsConfiguration");
    DeleteBucketCors: DELETE Bucket ["cors"] => Always("s3:PutBucketCORS");
    DeleteBucketEncryption: DELETE Bucket ["encryption"]
        => Always("s3:PutEncryptionConfiguration");
    DeleteBucketIntelligentTieringConfiguration: DELETE Bucket ["intelligent-tiering", "id" = any]
        => Always("s3:PutIntelligentTieringConfiguration");
    DeleteBucketInventoryConfiguration: DELETE Bucket ["inventory", "id" = any]
        => Always("s3:PutInventoryConfiguration");
    DeleteBucketLifecycle: DELETE Bucket ["lifecycle"] => Always("s3:PutLifecycleConfiguration");
    DeleteBucketMetadataConfiguration: DELETE Bucket ["metadataConfiguration"]
        => Always("s3:DeleteBucketMetadataTableConfiguration");
    DeleteBucketMetadataTableConfiguration: DELETE Bucket ["metadataTable"]
        => Always("s3:DeleteBucketMetadataTableConfiguration");
    DeleteBucketMetricsConfiguration: DELETE Bucket ["metrics", "id" = any]
        => Always("s3:PutMetricsConfiguration");
    DeleteBucketOwnershipControls: DELETE Bucket ["ownershipControls"]
        => Always("s3:PutBucketOwnershipControls");
    DeleteBucketPolicy: DELETE Bucket ["policy"] => Always("s3:DeleteBucketPolicy");
    DeleteBucketReplication: DELETE Bucket ["replication"]
        => Always("s3:PutReplicationConfiguration");
    DeleteBucketTagging: DELETE Bucket ["tagging"] => Always("s3:PutBucketTagging");
    DeleteBucketWebsite: DELETE Bucket ["website"] => Always("s3:DeleteBucketWebsite");
    DeleteObject: DELETE Object [] also ["versionId"]
        => Versioned("s3:DeleteObject", "s3:DeleteObjectVersion"),
            If(BypassGovernance, "s3:BypassGovernanceRetention");
    DeleteObjectAnnotation: DELETE Object ["annotation", "annotationName" = any] also ["versionId"]
        => Versioned("s3:DeleteObjectAnnotation", "s3:DeleteObjectVersionAnnotation"),
            If(BypassGovernance, "s3:BypassGovernanceRetention");
    DeleteObjectTagging: DELETE Object ["tagging"] also ["versionId"]
        => Versioned("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging");
    DeleteObjects: POST(Document) Bucket ["delete"] => ;
    DeletePublicAccessBlock: DELETE Bucket ["publicAccessBlock"]
        => Always("s3:PutBucketPublicAccessBlock");
    GetBucketAbac: GET Bucket ["abac"] => Always("s3:GetBucketAbac");
    GetBucketAccelerateConfiguration: GET Bucket ["accelerate"]
        => Always("s3:GetAccelerateConfiguration");
    GetBucketAcl: GET Bucket ["acl"] => Always("s3:GetBucketAcl");
    GetBucketAnalyticsConfiguration: GET Bucket ["analytics", "id" = any]
        => Always("s3:GetAnalyticsConfiguration");
    GetBucketCors: GET Bucket ["cors"] => Always("s3:GetBucketCORS");
    GetBucketEncryption: GET Bucket ["encryption"] => Always("s3:GetEncryptionConfiguration");
    GetBucketIntelligentTieringConfiguration: GET Bucket ["intelligent-tiering", "id" = any]
        => Always("s3:GetIntelligentTieringConfiguration");
    GetBucketInventoryConfiguration: GET Bucket ["inventory", "id" = any]
        => Always("s3:GetInventoryConfiguration");
    GetBucketLifecycleConfiguration: GET Bucket ["lifecycle"]
        => Always("s3:GetLifecycleConfiguration");
    GetBucketLocation: GET Bucket ["location"] => Always("s3:GetBucketLocation");
    GetBucketLogging: GET Bucket ["logging"] => Always("s3:GetBucketLogging");
    GetBucketMetadataConfiguration: GET Bucket ["metadataConfiguration"]
        => Always("s3:GetBucketMetadataTableConfiguration");
    GetBucketMetadataTableConfiguration: GET Bucket ["metadataTable"]
        => Always("s3:GetBucketMetadataTableConfiguration");
    GetBucketMetricsConfiguration: GET Bucket ["metrics", "id" = any]
        => Always("s3:GetMetricsConfiguration");
    GetBucketNotificationConfiguration: GET Bucket ["notification"]
        => Always("s3:GetBucketNotification");
    GetBucketOwnershipControls: GET Bucket ["ownershipControls"]
        => Always("s3:GetBucketOwnershipControls");
    GetBucketPolicy: GET Bucket ["policy"] => Always("s3:GetBucketPolicy");
    GetBucketPolicyStatus: GET Bucket ["policyStatus"] => Always("s3:GetBucketPolicyStatus");
    GetBucketReplication: GET Bucket ["replication"] => Always("s3:GetReplicationConfiguration");
    GetBucketRequestPayment: GET Bucket ["requestPayment"] => Always("s3:GetBucketRequestPayment");
    GetBucketTagging: GET Bucket ["tagging"] => Always("s3:GetBucketTagging");
    GetBucketVersioning: GET Bucket ["versioning"] => Always("s3:GetBucketVersioning");
    GetBucketWebsite: GET Bucket ["website"] => Always("s3:GetBucketWebsite");
    GetObject: GET Object []
        also ["partNumber", "response-cache-control", "response-content-disposition",
            "response-content-encoding", "response-content-language", "response-content-type",
            "response-expires", "versionId"]
        => Versioned("s3:GetObject", "s3:GetObjectVersion");
    GetObjectAcl: GET Object ["acl"] also ["versionId"]
        => Versioned("s3:GetObjectAcl", "s3:GetObjectVersionAcl");
    GetObjectAnnotation: GET Object ["annotation", "annotationName" = any] also ["versionId"]
        => Versioned("s3:GetObjectAnnotation", "s3:GetObjectVersionAnnotation");
    GetObjectAttributes: GET Object ["attributes"] also ["versionId"]
        => Versioned("s3:GetObject", "s3:GetObjectVersion"),
            Versioned("s3:GetObjectAttributes", "s3:GetObjectVersionAttributes");
    GetObjectLegalHold: GET Object ["legal-hold"] also ["versionId"]
        => Always("s3:GetObjectLegalHold");
    GetObjectLockConfiguration: GET Bucket ["object-lock"]
        => Always("s3:GetBucketObjectLockConfiguration");
    GetObjectRetention: GET Object ["retention"] also ["versionId"]
        => Always("s3:GetObjectRetention");
    GetObjectTagging: GET Object ["tagging"] also ["versionId"]
        => Versioned("s3:GetObjectTagging", "s3:GetObjectVersionTagging");
    GetObjectTorrent: GET Object ["torrent"] => Always("s3:GetObjectTorrent");
    GetPublicAccessBlock: GET Bucket ["publicAccessBlock"]
        => Always("s3:GetBucketPublicAccessBlock");
    HeadBucket: HEAD Bucket [] => Always("s3:ListBucket");
    HeadObject: HEAD Object []
        also ["partNumber", "response-cache-control", "response-content-disposition",
            "response-content-encoding", "response-content-language", "response-content-type",
            "response-expires", "versionId"]
        => Versioned("s3:GetObject", "s3:GetObjectVersion");
    ListBucketAnalyticsConfigurations: GET Bucket ["analytics"] also ["continuation-token"]
        => Always("s3:GetAnalyticsConfiguration");
    ListBucketIntelligentTieringConfigurations: GET Bucket ["intelligent-tiering"]
        also ["continuation-token"]
        => Always("s3:GetIntelligentTieringConfiguration");
    ListBucketInventoryConfigurations: GET Bucket ["inventory"] also ["continuation-token"]
        => Always("s3:GetInventoryConfiguration");
    ListBucketMetricsConfigurations: GET Bucket ["metrics"] also ["continuation-token"]
        => Always("s3:GetMetricsConfiguration");
    ListBuckets: GET Service []
        also ["bucket-region", "continuation-token", "max-buckets", "prefix"]
        => Always("s3:ListAllMyBuckets");
    ListDirectoryBuckets: GET Service [] also ["continuation-token", "max-directory-buckets"]
        => Always("s3express:ListAllMyDirectoryBuckets");
    ListMultipartUploads: GET Bucket ["uploads"]
        also ["delimiter", "encoding-type", "key-marker", "max-uploads", "prefix",
            "upload-id-marker"]
        => Always("s3:ListBucketMultipartUploads");
    ListObjectAnnotations: GET Object ["annotation"]
        also ["annotation-prefix", "continuation-token", "max-annotation-results", "versionId"]
        => Versioned("s3:ListObjectAnnotations", "s3:ListObjectVersionAnnotations");
    ListObjectVersions: GET Bucket ["versions"]
        also ["delimiter", "encoding-type", "key-marker", "max-keys", "prefix", "version-id-marker"]
        => Always("s3:ListBucketVersions");
    ListObjects: GET Bucket [] also ["delimiter", "encoding-type", "marker", "max-keys", "prefix"]
        => Always("s3:ListBucket");
    ListObjectsV2: GET Bucket ["list-type" = "2"]
        also ["continuation-token", "delimiter", "encoding-type", "fetch-owner", "max-keys",
            "prefix", "start-after"]
        => Always("s3:ListBucket");
    ListParts: GET Object ["uploadId" = any] also ["max-parts", "part-number-marker"]
        => Always("s3:ListMultipartUploadParts");
    OptionsPreflight: OPTIONS Bucket [] => ;
    PostObject: POST(Form) Bucket [] if Form => ;
    PutBucketAbac: PUT(Document) Bucket ["abac"] => Always("s3:PutBucketAbac");
    PutBucketAccelerateConfiguration: PUT(Document) Bucket ["accelerate"]
        => Always("s3:PutAccelerateConfiguration");
    PutBucketAcl: PUT(Document) Bucket ["acl"] => Always("s3:PutBucketAcl");
    PutBucketAnalyticsConfiguration: PUT(Document) Bucket ["analytics", "id" = any]
        => Always("s3:PutAnalyticsConfiguration");
    PutBucketCors: PUT(Document) Bucket ["cors"] => Always("s3:PutBucketCORS");
    PutBucketEncryption: PUT(Document) Bucket ["encryption"]
        => Always("s3:PutEncryptionConfiguration");
    PutBucketIntelligentTieringConfiguration: PUT(Document) Bucket
        ["intelligent-tiering", "id" = any]
        => Always("s3:PutIntelligentTieringConfiguration");
    PutBucketInventoryConfiguration: PUT(Document) Bucket ["inventory", "id" = any]
        => Always("s3:PutInventoryConfiguration");
    PutBucketLifecycleConfiguration: PUT(Document) Bucket ["lifecycle"]
        => Always("s3:PutLifecycleConfiguration");
    PutBucketLogging: PUT(Document) Bucket ["logging"] => Always("s3:PutBucketLogging");
    PutBucketMetricsConfiguration: PUT(Document) Bucket ["metrics", "id" = any]
        => Always("s3:PutMetricsConfiguration");
    PutBucketNotificationConfiguration: PUT(Document) Bucket ["notification"]
        => Always("s3:PutBucketNotification");
    PutBucketOwnershipControls: PUT(Document) Bucket ["ownershipControls"]
        => Always("s3:PutBucketOwnershipControls");
    PutBucketPolicy: PUT(Document) Bucket ["policy"] => Always("s3:PutBucketPolicy");
    PutBucketReplication: PUT(Document) Bucket ["replication"]
        => Always("s3:PutReplicationConfiguration");
    PutBucketRequestPayment: PUT(Document) Bucket ["requestPayment"]
        => Always("s3:PutBucketRequestPayment");
    PutBucketTagging: PUT(Document) Bucket ["tagging"] => Always("s3:PutBucketTagging");
    PutBucketVersioning: PUT(Document) Bucket ["versioning"] => Always("s3:PutBucketVersioning");
    PutBucketWebsite: PUT(Document) Bucket ["website"] => Always("s3:PutBucketWebsite");
    PutObject: PUT(Data) Object []
        => Always("s3:PutObject"), If(Acl, "s3:PutObjectAcl"), If(Tags, "s3:PutObjectTagging"),
            If(LegalHold, "s3:PutObjectLegalHold"), If(Retention, "s3:PutObjectRetention");
    PutObjectAcl: PUT(Document) Object ["acl"] also ["versionId"]
        => Versioned("s3:PutObjectAcl", "s3:PutObjectVersionAcl");
    PutObjectAnnotation: PUT(Data) Object ["annotation", "annotationName" = any] also ["versionId"]
        => Versioned("s3:PutObjectAnnotation", "s3:PutObjectVersionAnnotation");
    PutObjectLegalHold: PUT(Document) Object ["legal-hold"] also ["versionId"]
        => Always("s3:PutObjectLegalHold");
    PutObjectLockConfiguration: PUT(Document) Bucket ["object-lock"]
        => Always("s3:PutBucketObjectLockConfiguration");
    PutObjectRetention: PUT(Document) Object ["retention"] also ["versionId"]
        => Always("s3:PutObjectRetention"), If(BypassGovernance, "s3:BypassGovernanceRetention");
    PutObjectTagging: PUT(Document) Object ["tagging"] also ["versionId"]
        => Versioned("s3:PutObjectTagging", "s3:PutObjectVersionTagging");
    PutPublicAccessBlock: PUT(Document) Bucket ["publicAccessBlock"]
        => Always("s3:PutBucketPublicAccessBlock");
    RenameObject: PUT Object ["renameObject"] => Always("s3express:CreateSession");
    RestoreObject: POST(Document) Object ["restore"] also ["versionId"]
        => Always("s3:RestoreObject");
    SelectObjectContent: POST(Document) Object ["select", "select-type" = "2"]
        => Always("s3:GetObject");
    UpdateBucketMetadataAnnotationTableConfiguration: PUT(Document) Bucket
        ["metadataAnnotationTable"]
        => Always("s3:UpdateBucketMetadataAnnotationTableConfiguration");
    UpdateBucketMetadataInventoryTableConfiguration: PUT(Document) Bucket
        ["metadataInventoryTable"]
        => Always("s3:UpdateBucketMetadataInventoryTableConfiguration");
    UpdateBucketMetadataJournalTableConfiguration: PUT(Document) Bucket ["metadataJournalTable"]
        => Always("s3:UpdateBucketMetadataJournalTableConfiguration");
    UpdateObjectEncryption: PUT(Document) Object ["encryption"] also ["versionId"]
        => Always("s3:UpdateObjectEncryption");
    UploadPart: PUT(Data) Object ["uploadId" = any, "partNumber" = any] => Always("s3:PutObject");
    UploadPartCopy: PUT Object ["uploadId" = any, "partNumber" = any] if CopySource
        => ReadSource, Always("s3:PutObject");
    WriteGetObjectResponse: POST(Data) Service []
        => Always("s3-object-lambda:WriteGetObjectResponse");
}
