"""boto3 with its defaults: checksums in trailers, Expect, multipart by itself."""

import io

import pytest
from botocore.exceptions import ClientError

from surroundings import MIB, SSE, stored_keys


def test_an_object_is_put_looked_at_and_got(s3, bucket):
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"body", ContentType="text/plain", Metadata={"who": "me"}, **SSE)
    head = s3.head_object(Bucket=bucket, Key="k")
    got = s3.get_object(Bucket=bucket, Key="k")
    assert head["ContentLength"] == 4 and head["ETag"] == put["ETag"] == got["ETag"]
    assert head["ContentType"] == got["ContentType"] == "text/plain"
    assert head["Metadata"] == got["Metadata"] == {"who": "me"}
    assert got["Body"].read() == b"body"


@pytest.mark.needs("sse-echo")
def test_the_encryption_asked_for_is_confirmed(s3, bucket):
    assert s3.put_object(Bucket=bucket, Key="k", Body=b"x", **SSE)["ServerSideEncryption"] == "AES256"
    assert s3.head_object(Bucket=bucket, Key="k")["ServerSideEncryption"] == "AES256"


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_a_checksum_of_the_callers_choice_is_taken(s3, bucket, algorithm):
    s3.put_object(Bucket=bucket, Key="k", Body=b"summed", ChecksumAlgorithm=algorithm, **SSE)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"summed"


def test_no_trace_of_the_clients_framing_is_stored(s3, backend, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=io.BytesIO(b"framed"), ContentEncoding="gzip", **SSE)
    kept = backend.get_object(Bucket=bucket, Key="k")
    assert kept["Body"].read() == b"framed" and kept["ContentEncoding"] == "gzip"


@pytest.mark.parametrize("size", [0, 5 * MIB, 20 * MIB + 1])
def test_upload_fileobj_and_download_fileobj(s3, bucket, file_of, size):
    body = file_of(size).read_bytes()
    s3.upload_fileobj(io.BytesIO(body), bucket, "k", ExtraArgs=SSE)
    down = io.BytesIO()
    s3.download_fileobj(bucket, "k", down)
    assert down.getvalue() == body


@pytest.mark.parametrize(
    ("asked", "answered"),
    [("bytes=2-4", b"234"), ("bytes=7-", b"789"), ("bytes=-2", b"89"), ("bytes=8-100", b"89"), ("bytes=0-0", b"0")],
)
def test_a_range_is_answered_as_such(s3, bucket, stored, asked, answered):
    got = s3.get_object(Bucket=bucket, Key=stored("k", b"0123456789"), Range=asked)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["Body"].read() == answered and got["ContentLength"] == len(answered)


def test_a_range_past_the_end_is_refused(s3, bucket, stored):
    with pytest.raises(ClientError, match="InvalidRange"):
        s3.get_object(Bucket=bucket, Key=stored("k", b"0123456789"), Range="bytes=10-")


def test_conditions_are_kept(s3, bucket, stored):
    etag = s3.head_object(Bucket=bucket, Key=stored("k"))["ETag"]
    assert s3.get_object(Bucket=bucket, Key="k", IfMatch=etag)["Body"].read() == b"hello"
    for condition, status in [({"IfMatch": '"0"'}, 412), ({"IfNoneMatch": etag}, 304)]:
        with pytest.raises(ClientError) as caught:
            s3.get_object(Bucket=bucket, Key="k", **condition)
        # Of a 412, too, not every backend says more than this.
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


@pytest.mark.needs("conditional-put")
def test_an_object_is_not_overwritten_against_its_writers_will(s3, bucket, stored):
    stored("k", b"first")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"second", IfNoneMatch="*", **SSE)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"first"


def test_a_listing_goes_over_pages(s3, bucket, stored):
    keys = [f"page/{number:02}" for number in range(7)]
    for key in keys:
        stored(key)
    for method in ("list_objects", "list_objects_v2"):
        pages = list(s3.get_paginator(method).paginate(Bucket=bucket, PaginationConfig={"PageSize": 3}))
        assert [len(page["Contents"]) for page in pages] == [3, 3, 1]
        assert [found["Key"] for page in pages for found in page["Contents"]] == keys


def test_a_listing_goes_by_prefix_and_delimiter(s3, bucket, stored):
    for key in ("a b/1", "a b/2", "c", "d+e/1"):
        stored(key)
    listed = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert [found["Prefix"] for found in listed["CommonPrefixes"]] == ["a b/", "d+e/"]
    assert [found["Key"] for found in listed["Contents"]] == ["c"]
    below = s3.list_objects_v2(Bucket=bucket, Prefix="d+e/")
    assert [found["Key"] for found in below["Contents"]] == ["d+e/1"]


@pytest.mark.needs("listing-etags")
def test_a_listing_tells_what_head_tells(s3, bucket, stored):
    head = s3.head_object(Bucket=bucket, Key=stored("k", b"0123456789"))
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert (listed["Size"], listed["ETag"]) == (10, head["ETag"])


def test_objects_are_deleted_singly_and_together(s3, bucket, stored):
    for key in ("a", "b & c", "d<e", "f"):
        stored(key)
    s3.delete_object(Bucket=bucket, Key="a")
    gone = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "b & c"}, {"Key": "d<e"}]})
    assert sorted(found["Key"] for found in gone["Deleted"]) == ["b & c", "d<e"]
    assert stored_keys(bucket) == ["f"]


def test_a_copy_with_sse_is_made_by_the_backend(s3, bucket, stored):
    source = {"Bucket": bucket, "Key": stored("from here + there", b"copied")}
    s3.copy_object(Bucket=bucket, Key="to", CopySource=source, **SSE)
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == b"copied"


@pytest.mark.needs("copy-metadata")
def test_a_copy_keeps_or_replaces_metadata(s3, bucket):
    s3.put_object(Bucket=bucket, Key="from", Body=b"x", Metadata={"a": "1"}, **SSE)
    source = {"Bucket": bucket, "Key": "from"}
    s3.copy_object(Bucket=bucket, Key="kept", CopySource=source, **SSE)
    s3.copy_object(Bucket=bucket, Key="new", CopySource=source, MetadataDirective="REPLACE", Metadata={"b": "2"}, **SSE)
    assert s3.head_object(Bucket=bucket, Key="kept")["Metadata"] == {"a": "1"}
    assert s3.head_object(Bucket=bucket, Key="new")["Metadata"] == {"b": "2"}


@pytest.mark.needs("tags")
def test_tags_are_stored(s3, bucket, stored):
    tags = [{"Key": "colour", "Value": "red = warm"}]
    s3.put_object_tagging(Bucket=bucket, Key=stored("k"), Tagging={"TagSet": tags})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == tags


@pytest.mark.needs("versions")
def test_versions_are_kept_apart(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"first", **SSE)["VersionId"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"second", **SSE)
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=first)["Body"].read() == b"first"
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"second"


def test_what_is_not_there_is_told_as_by_the_backend(s3, bucket):
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=bucket, Key="none")
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket=bucket, Key="none")
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.list_objects_v2(Bucket=f"{bucket}-none")
