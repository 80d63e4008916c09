//! Which operation is done where. What is not listed here is answered with 501 `NotImplemented`.
//!
//! Invariant: nothing is decided here.

use std::sync::Arc;

use async_trait::async_trait;
use s3s::{S3, S3Request, S3Response, S3Result, dto};

use super::{buckets, list, multipart, read, store::Store, write};

/// The operations on one store.
#[derive(Debug)]
pub(super) struct Operations {
    pub(super) store: Arc<Store>,
    pub(super) region: String,
}

/// What an operation takes and gives.
macro_rules! operations {
    ($($name:ident($self:ident, $request:ident: $input:ident) -> $output:ident = $work:expr;)+) => {
        #[async_trait]
        impl S3 for Operations {
            $(async fn $name(
                &$self,
                $request: S3Request<dto::$input>,
            ) -> S3Result<S3Response<dto::$output>> {
                $work
            })+
        }
    };
}

operations! {
    list_buckets(self, request: ListBucketsInput) -> ListBucketsOutput =
        buckets::list(&self.store, &self.region, request);
    create_bucket(self, request: CreateBucketInput) -> CreateBucketOutput =
        buckets::create(&self.store, &self.region, request).await;
    head_bucket(self, request: HeadBucketInput) -> HeadBucketOutput =
        buckets::head(&self.store, &self.region, &request);
    delete_bucket(self, request: DeleteBucketInput) -> DeleteBucketOutput =
        buckets::delete(&self.store, request).await;
    get_bucket_location(self, request: GetBucketLocationInput) -> GetBucketLocationOutput =
        buckets::location(&self.store, &self.region, &request);
    get_bucket_versioning(self, request: GetBucketVersioningInput) -> GetBucketVersioningOutput =
        buckets::versioning(&self.store, &request);
    get_bucket_tagging(self, request: GetBucketTaggingInput) -> GetBucketTaggingOutput =
        buckets::tags(&self.store, &request);
    put_bucket_tagging(self, request: PutBucketTaggingInput) -> PutBucketTaggingOutput =
        buckets::put_tags(&self.store, request).await;
    delete_bucket_tagging(self, request: DeleteBucketTaggingInput) -> DeleteBucketTaggingOutput =
        buckets::delete_tags(&self.store, request).await;

    list_objects(self, request: ListObjectsInput) -> ListObjectsOutput =
        list::objects(&self.store, request);
    list_objects_v2(self, request: ListObjectsV2Input) -> ListObjectsV2Output =
        list::objects_v2(&self.store, request);
    list_object_versions(self, request: ListObjectVersionsInput) -> ListObjectVersionsOutput =
        list::versions(&self.store, request);

    get_object(self, request: GetObjectInput) -> GetObjectOutput =
        read::get(&self.store, request);
    head_object(self, request: HeadObjectInput) -> HeadObjectOutput =
        read::head(&self.store, request);
    get_object_attributes(self, request: GetObjectAttributesInput) -> GetObjectAttributesOutput =
        read::attributes(&self.store, request);

    put_object(self, request: PutObjectInput) -> PutObjectOutput =
        write::put(&self.store, request).await;
    copy_object(self, request: CopyObjectInput) -> CopyObjectOutput =
        write::copy(&self.store, request).await;
    delete_object(self, request: DeleteObjectInput) -> DeleteObjectOutput =
        write::delete(&self.store, request).await;
    delete_objects(self, request: DeleteObjectsInput) -> DeleteObjectsOutput =
        write::delete_several(&self.store, request).await;
    get_object_tagging(self, request: GetObjectTaggingInput) -> GetObjectTaggingOutput =
        write::tags(&self.store, request);
    put_object_tagging(self, request: PutObjectTaggingInput) -> PutObjectTaggingOutput =
        write::put_tags(&self.store, request).await;
    delete_object_tagging(self, request: DeleteObjectTaggingInput) -> DeleteObjectTaggingOutput =
        write::delete_tags(&self.store, request).await;

    create_multipart_upload(self, request: CreateMultipartUploadInput)
        -> CreateMultipartUploadOutput = multipart::create(&self.store, request).await;
    upload_part(self, request: UploadPartInput) -> UploadPartOutput =
        multipart::upload(&self.store, request).await;
    upload_part_copy(self, request: UploadPartCopyInput) -> UploadPartCopyOutput =
        multipart::copy(&self.store, request).await;
    complete_multipart_upload(self, request: CompleteMultipartUploadInput)
        -> CompleteMultipartUploadOutput = multipart::complete(&self.store, request).await;
    abort_multipart_upload(self, request: AbortMultipartUploadInput)
        -> AbortMultipartUploadOutput = multipart::abort(&self.store, request).await;
    list_parts(self, request: ListPartsInput) -> ListPartsOutput =
        multipart::parts(&self.store, request);
    list_multipart_uploads(self, request: ListMultipartUploadsInput)
        -> ListMultipartUploadsOutput = multipart::uploads(&self.store, request);
}
