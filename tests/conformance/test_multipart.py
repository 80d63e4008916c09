"""Multipart uploads, step by step."""

import pytest
from botocore.exceptions import ClientError

from surroundings import MIB, SSE, stored_keys, stored_uploads

PART = 5 * MIB


@pytest.fixture
def upload(s3, bucket):
    """An upload of `k`, as the arguments that every call on it needs."""
    created = s3.create_multipart_upload(Bucket=bucket, Key="k", Metadata={"by": "parts"}, **SSE)
    return {"Bucket": bucket, "Key": "k", "UploadId": created["UploadId"]}


def put_parts(s3, upload, *bodies):
    """Uploads bodies as parts 1, 2, … and gives the list that completes them."""
    parts = []
    for number, body in enumerate(bodies, start=1):
        part = s3.upload_part(PartNumber=number, Body=body, **upload)
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    return {"Parts": parts}


def test_parts_become_one_object(s3, upload, file_of):
    body = file_of(PART).read_bytes()
    parts = put_parts(s3, upload, body, b"the end")
    s3.complete_multipart_upload(MultipartUpload=parts, **upload)
    got = s3.get_object(Bucket=upload["Bucket"], Key="k")
    assert got["Body"].read() == body + b"the end" and got["Metadata"] == {"by": "parts"}


def test_parts_are_listed_under_the_clients_upload_id(s3, upload, file_of):
    put_parts(s3, upload, file_of(PART).read_bytes(), b"the end")
    listed = s3.list_parts(**upload)
    assert listed["UploadId"] == upload["UploadId"]
    assert [(part["PartNumber"], part["Size"]) for part in listed["Parts"]] == [(1, PART), (2, 7)]


@pytest.mark.needs("part-etags")
def test_listed_parts_complete_the_upload(s3, upload, file_of):
    put_parts(s3, upload, file_of(PART).read_bytes(), b"the end")
    listed = s3.list_parts(**upload)["Parts"]
    parts = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in listed]
    s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **upload)
    assert s3.head_object(Bucket=upload["Bucket"], Key="k")["ContentLength"] == PART + 7


def test_an_aborted_upload_leaves_nothing(s3, upload, bucket):
    put_parts(s3, upload, b"never mind")
    s3.abort_multipart_upload(**upload)
    assert stored_uploads(bucket) == [] and stored_keys(bucket) == []


def test_uploads_are_listed_and_can_be_aborted_by_what_is_listed(s3, upload, bucket):
    listed = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert [found["Key"] for found in listed] == ["k"]
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=listed[0]["UploadId"])
    assert stored_uploads(bucket) == []


def test_a_part_is_copied_from_an_object(s3, upload, bucket, stored, file_of):
    source = {"Bucket": bucket, "Key": stored("source", file_of(PART).read_bytes())}
    copied = s3.upload_part_copy(PartNumber=1, CopySource=source, **upload)
    parts = [{"PartNumber": 1, "ETag": copied["CopyPartResult"]["ETag"]}]
    s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **upload)
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == PART


def test_an_upload_id_serves_its_own_key_only(s3, upload):
    with pytest.raises(ClientError, match="NoSuchUpload"):
        s3.upload_part(PartNumber=1, Body=b"x", **{**upload, "Key": "another"})


def test_a_changed_upload_id_is_refused(s3, upload):
    last = upload["UploadId"][-5]
    changed = upload["UploadId"][:-5] + ("A" if last != "A" else "B") + upload["UploadId"][-4:]
    with pytest.raises(ClientError, match="NoSuchUpload"):
        s3.upload_part(PartNumber=1, Body=b"x", **{**upload, "UploadId": changed})
