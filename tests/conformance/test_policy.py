"""What the seed policy refuses, as stock clients show it."""

import io

import pytest
from botocore.exceptions import ClientError

from surroundings import MIB, PLAIN_URL, SSE, aws, gate_client, stored_keys, stored_uploads


def refusal(call, **parameters):
    """The code, message and status of a call that must fail."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response
    return error["Error"]["Code"], error["Error"].get("Message"), error["ResponseMetadata"]["HTTPStatusCode"]


def test_cp_without_sse_is_refused_in_the_clis_own_words(bucket, file_of):
    ended = aws("s3", "cp", file_of(1), f"s3://{bucket}/f", check=False)
    assert ended.returncode == 1
    said = "An error occurred (AccessDenied) when calling the PutObject operation: Access Denied"
    assert said in ended.stderr
    assert stored_keys(bucket) == []


def test_a_large_cp_without_sse_is_refused_before_its_first_part(bucket, file_of):
    ended = aws("s3", "cp", file_of(100 * MIB), f"s3://{bucket}/f", check=False)
    assert ended.returncode == 1
    assert "(AccessDenied) when calling the CreateMultipartUpload operation" in ended.stderr
    assert stored_uploads(bucket) == []


@pytest.mark.parametrize("sse", ["aws:kms", "aws:kms:dsse"])
def test_another_kind_of_sse_is_refused(s3, bucket, sse):
    refused = refusal(s3.put_object, Bucket=bucket, Key="f", Body=b"x", ServerSideEncryption=sse)
    assert refused[0] == "AccessDenied"
    assert stored_keys(bucket) == []


def test_a_copy_without_sse_is_refused(s3, bucket, stored):
    source = {"Bucket": bucket, "Key": stored("source")}
    assert refusal(s3.copy_object, Bucket=bucket, Key="copy", CopySource=source)[0] == "AccessDenied"
    assert stored_keys(bucket) == ["source"]


def test_upload_fileobj_without_sse_is_refused(s3, bucket):
    with pytest.raises(Exception, match="AccessDenied"):
        s3.upload_fileobj(io.BytesIO(b"x"), bucket, "f")
    assert stored_keys(bucket) == []


def test_over_plain_http_nothing_is_read(bucket, stored):
    key = stored()
    plain = gate_client(endpoint_url=PLAIN_URL)
    assert refusal(plain.get_object, Bucket=bucket, Key=key)[::2] == ("AccessDenied", 403)
    assert refusal(plain.head_object, Bucket=bucket, Key=key)[2] == 403
    assert refusal(plain.list_objects_v2, Bucket=bucket)[0] == "AccessDenied"


def test_over_plain_http_nothing_is_written_with_or_without_sse(bucket):
    plain = gate_client(endpoint_url=PLAIN_URL)
    for sse in (SSE, {}):
        assert refusal(plain.put_object, Bucket=bucket, Key="f", Body=b"x", **sse)[0] == "AccessDenied"
    assert stored_keys(bucket) == []


def test_over_plain_http_the_cli_is_refused(bucket, stored, tmp_path):
    words = ("--endpoint-url", PLAIN_URL, "s3api", "get-object", "--bucket", bucket, "--key", stored())
    ended = aws(*words, tmp_path / "f", check=False)
    said = "An error occurred (AccessDenied) when calling the GetObject operation: Access Denied"
    assert ended.returncode != 0 and said in ended.stderr


def test_parts_need_no_sse_header_of_their_own(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts", **SSE)["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"last")
    s3.complete_multipart_upload(
        Bucket=bucket,
        Key="parts",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )
    assert s3.get_object(Bucket=bucket, Key="parts")["Body"].read() == b"last"


def test_an_upload_started_behind_the_gate_is_not_completed_through_it(s3, backend, bucket):
    upload = backend.create_multipart_upload(Bucket=bucket, Key="f")["UploadId"]
    asked = {"Bucket": bucket, "Key": "f", "UploadId": upload}
    assert refusal(s3.upload_part, PartNumber=1, Body=b"x", **asked)[0] == "NoSuchUpload"
