//! Operations on buckets themselves.
//!
//! Invariant: every bucket is of this backend's region and belongs to its one owner.

use std::sync::Arc;

use s3s::{
    S3Request, S3Response, S3Result,
    dto::{
        Bucket, BucketLocationConstraint, CreateBucketInput, CreateBucketOutput, DeleteBucketInput,
        DeleteBucketOutput, DeleteBucketTaggingInput, DeleteBucketTaggingOutput,
        GetBucketLocationInput, GetBucketLocationOutput, GetBucketTaggingInput,
        GetBucketTaggingOutput, GetBucketVersioningInput, GetBucketVersioningOutput,
        HeadBucketInput, HeadBucketOutput, ListBucketsInput, ListBucketsOutput, Owner,
        PutBucketTaggingInput, PutBucketTaggingOutput, Tag,
    },
    s3_error,
};

use super::{
    attributes::check_bucket_tags,
    clock::{now, precise},
    store::Store,
};

/// The region whose buckets have no location constraint.
const UNCONSTRAINED_REGION: &str = "us-east-1";

/// Buckets of one page, at most.
const PAGE_MAX: usize = 10_000;

/// `ListBuckets`.
pub(super) fn list(
    store: &Store,
    region: &str,
    request: S3Request<ListBucketsInput>,
) -> S3Result<S3Response<ListBucketsOutput>> {
    let input = request.input;
    let max = input.max_buckets.map_or(Ok(PAGE_MAX), usize::try_from);
    let max = max.ok().filter(|max| (1..=PAGE_MAX).contains(max)).ok_or_else(|| {
        s3_error!(InvalidArgument, "Argument max-buckets must be an integer between 1 and 10000")
    })?;
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let after = input.continuation_token.as_deref().unwrap_or_default();
    let found = store.buckets();
    let mut found = found
        .iter()
        .filter(|bucket| bucket.name().starts_with(prefix) && bucket.name() > after)
        .peekable();
    let page = found.by_ref().take(max).map(|bucket| Bucket {
        name: Some(bucket.name().to_owned()),
        creation_date: Some(precise(bucket.created())),
        bucket_region: Some(region.to_owned()),
    });
    let page = page.collect::<Vec<_>>();
    let next = found.peek().and_then(|_| page.last()).and_then(|last| last.name.clone());
    Ok(S3Response::new(ListBucketsOutput {
        buckets: Some(page),
        continuation_token: next,
        owner: Some(owner()),
        prefix: input.prefix,
    }))
}

/// `CreateBucket`.
pub(super) async fn create(
    store: &Arc<Store>,
    region: &str,
    request: S3Request<CreateBucketInput>,
) -> S3Result<S3Response<CreateBucketOutput>> {
    let input = request.input;
    let configuration = input.create_bucket_configuration;
    let location = configuration.and_then(|configuration| configuration.location_constraint);
    if location.is_some_and(|location| !location.as_str().is_empty() && location.as_str() != region)
    {
        return Err(s3_error!(
            InvalidLocationConstraint,
            "The specified location-constraint is not valid"
        ));
    }
    let location = format!("/{}", input.bucket);
    store.create(input.bucket, now()).await?;
    Ok(S3Response::new(CreateBucketOutput { location: Some(location) }))
}

/// `HeadBucket`.
pub(super) fn head(
    store: &Store,
    region: &str,
    request: &S3Request<HeadBucketInput>,
) -> S3Result<S3Response<HeadBucketOutput>> {
    store.bucket(&request.input.bucket)?;
    Ok(S3Response::new(HeadBucketOutput {
        bucket_region: Some(region.to_owned()),
        ..HeadBucketOutput::default()
    }))
}

/// `DeleteBucket`.
pub(super) async fn delete(
    store: &Arc<Store>,
    request: S3Request<DeleteBucketInput>,
) -> S3Result<S3Response<DeleteBucketOutput>> {
    store.delete(&request.input.bucket).await?;
    let mut answer = S3Response::new(DeleteBucketOutput::default());
    answer.extensions.insert(super::gate::Status(http::StatusCode::NO_CONTENT));
    Ok(answer)
}

/// `GetBucketLocation`.
pub(super) fn location(
    store: &Store,
    region: &str,
    request: &S3Request<GetBucketLocationInput>,
) -> S3Result<S3Response<GetBucketLocationOutput>> {
    store.bucket(&request.input.bucket)?;
    let constraint = (region != UNCONSTRAINED_REGION).then(|| region.to_owned());
    Ok(S3Response::new(GetBucketLocationOutput {
        location_constraint: constraint.map(BucketLocationConstraint::from),
    }))
}

/// `GetBucketVersioning`: never versioned.
pub(super) fn versioning(
    store: &Store,
    request: &S3Request<GetBucketVersioningInput>,
) -> S3Result<S3Response<GetBucketVersioningOutput>> {
    store.bucket(&request.input.bucket)?;
    Ok(S3Response::new(GetBucketVersioningOutput::default()))
}

/// `GetBucketTagging`.
pub(super) fn tags(
    store: &Store,
    request: &S3Request<GetBucketTaggingInput>,
) -> S3Result<S3Response<GetBucketTaggingOutput>> {
    let tags = store.bucket(&request.input.bucket)?.tags();
    if tags.is_empty() {
        return Err(s3_error!(NoSuchTagSet, "The TagSet does not exist"));
    }
    let tags = tags.into_iter().map(|(key, value)| Tag { key: Some(key), value: Some(value) });
    Ok(S3Response::new(GetBucketTaggingOutput { tag_set: tags.collect() }))
}

/// `PutBucketTagging`.
pub(super) async fn put_tags(
    store: &Store,
    request: S3Request<PutBucketTaggingInput>,
) -> S3Result<S3Response<PutBucketTaggingOutput>> {
    let input = request.input;
    let tags = input.tagging.tag_set.into_iter();
    let tags = tags.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()));
    let tags = check_bucket_tags(tags.collect())?;
    store.bucket(&input.bucket)?.set_tags(tags).await?;
    let mut answer = S3Response::new(PutBucketTaggingOutput::default());
    answer.extensions.insert(super::gate::Status(http::StatusCode::NO_CONTENT));
    Ok(answer)
}

/// `DeleteBucketTagging`.
pub(super) async fn delete_tags(
    store: &Store,
    request: S3Request<DeleteBucketTaggingInput>,
) -> S3Result<S3Response<DeleteBucketTaggingOutput>> {
    store.bucket(&request.input.bucket)?.set_tags(Vec::new()).await?;
    Ok(S3Response::new(DeleteBucketTaggingOutput::default()))
}

/// The one owner of everything.
pub(super) fn owner() -> Owner {
    Owner { display_name: Some("portcullis".to_owned()), id: Some("0".repeat(64)) }
}
