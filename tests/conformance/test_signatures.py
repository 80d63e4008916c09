"""Callers who are not who they say, come too late, or send another body than they signed."""

import base64
import datetime
import hashlib
import http.client
import os
import ssl
import urllib.error
import urllib.parse
import urllib.request
import zlib
from unittest import mock

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from surroundings import GATE_URL, SSE, gate_client, open_url, stored_keys

UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


def refusal(call, **parameters):
    """The code and status of a call that must fail."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response
    return error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]


class Signer(botocore.auth.S3SigV4Auth):
    """Signs with whatever payload hash it is told."""

    def __init__(self, payload_hash):
        key = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
        super().__init__(key, "s3", os.environ["AWS_REGION"])
        self._payload_hash = payload_hash

    def payload(self, request):
        return self._payload_hash


def put(bucket, body, payload_hash, headers=None):
    """Sends a PutObject by hand, correctly signed for `payload_hash`; gives status and document."""
    url = f"{GATE_URL}/{bucket}/by-hand"
    request = AWSRequest("PUT", url, headers={"x-amz-server-side-encryption": "AES256", **(headers or {})})
    Signer(payload_hash).add_auth(request)
    address = urllib.parse.urlsplit(GATE_URL)
    context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
    connection = http.client.HTTPSConnection(address.hostname, address.port, context=context, timeout=30)
    connection.request("PUT", url.removeprefix(GATE_URL), body=body, headers=dict(request.headers.items()))
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def trailing(body, checksum):
    """`body` in one chunk with a CRC32 trailer, and the headers that go with it."""
    encoded = base64.b64encode(checksum.to_bytes(4)).decode()
    framed = b"%x\r\n%s\r\n0\r\nx-amz-checksum-crc32:%s\r\n\r\n" % (len(body), body, encoded.encode())
    headers = {
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": str(len(body)),
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    return framed, headers


def test_a_wrong_secret_is_refused(bucket):
    liar = gate_client(aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"], aws_secret_access_key="wrong")
    assert refusal(liar.list_objects_v2, Bucket=bucket) == ("SignatureDoesNotMatch", 403)
    assert refusal(liar.put_object, Bucket=bucket, Key="k", Body=b"x", **SSE)[0] == "SignatureDoesNotMatch"
    assert stored_keys(bucket) == []


def test_an_unknown_key_is_refused(bucket):
    stranger = gate_client(aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="any")
    assert refusal(stranger.list_objects_v2, Bucket=bucket) == ("InvalidAccessKeyId", 403)


def test_an_anonymous_caller_is_refused(bucket, stored):
    key = stored()
    with pytest.raises(urllib.error.HTTPError) as caught:
        open_url(f"{GATE_URL}/{bucket}/{key}")
    assert caught.value.code == 403 and b"<Code>AccessDenied</Code>" in caught.value.read()


def at(minutes):
    """The client's clock, off by so many minutes."""
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None) + datetime.timedelta(minutes=minutes)
    return mock.patch("botocore.auth.get_current_datetime", return_value=now)


@pytest.mark.parametrize("minutes", [-20, 20])
def test_a_wrong_clock_is_refused(s3, bucket, minutes):
    with at(minutes):
        assert refusal(s3.list_objects_v2, Bucket=bucket) == ("RequestTimeTooSkewed", 403)


def test_an_expired_link_is_refused(s3, bucket, stored):
    key = stored()
    with at(minutes=-60):
        url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=60)
    with pytest.raises(urllib.error.HTTPError) as caught:
        open_url(url)
    document = caught.value.read()
    assert caught.value.code == 403 and b"<Code>AccessDenied</Code>" in document and b"expired" in document


def test_a_link_serves_what_it_was_made_for(s3, bucket, stored):
    stored("a")
    stored("b")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        open_url(url.replace("/a?", "/b?"))
    assert b"<Code>SignatureDoesNotMatch</Code>" in caught.value.read()


def test_a_link_to_upload_carries_its_sse_header(s3, bucket):
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "up", **SSE})
    # Without a type of its own, urllib calls every body a form, and some backends believe it.
    headers = {"x-amz-server-side-encryption": "AES256", "content-type": "text/plain"}
    request = urllib.request.Request(url, data=b"by link", method="PUT", headers=headers)
    with open_url(request) as answer:
        assert answer.status == 200
    assert s3.get_object(Bucket=bucket, Key="up")["Body"].read() == b"by link"


def test_a_link_to_upload_without_sse_is_refused(s3, bucket):
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "up"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        open_url(urllib.request.Request(url, data=b"x", method="PUT"))
    assert b"<Code>AccessDenied</Code>" in caught.value.read()
    assert stored_keys(bucket) == []


def test_a_link_of_version_2_is_refused_with_its_mend(bucket, stored):
    client = gate_client(config=Config(signature_version="s3"))
    url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": stored()})
    assert "AWSAccessKeyId=" in url
    with pytest.raises(urllib.error.HTTPError) as caught:
        open_url(url)
    document = caught.value.read()
    assert caught.value.code == 400 and b"Please use AWS4-HMAC-SHA256" in document
    assert b"accept_sigv2" in document


def test_a_body_by_hand_is_stored(s3, bucket):
    status, document = put(bucket, b"as signed", hashlib.sha256(b"as signed").hexdigest())
    assert status == 200, document
    assert s3.get_object(Bucket=bucket, Key="by-hand")["Body"].read() == b"as signed"


@pytest.mark.parametrize("size", [1, 100_000, 3_000_000])
def test_another_body_than_was_signed_is_refused_and_not_stored(bucket, size):
    status, document = put(bucket, b"x" * size, hashlib.sha256(b"as signed").hexdigest())
    assert (status, "<Code>XAmzContentSHA256Mismatch</Code>" in document) == (400, True), document
    assert stored_keys(bucket) == []


def test_a_body_with_the_right_trailer_is_stored(s3, bucket):
    framed, headers = trailing(b"in a chunk", zlib.crc32(b"in a chunk"))
    status, document = put(bucket, framed, UNSIGNED_TRAILER, headers)
    assert status == 200, document
    assert s3.get_object(Bucket=bucket, Key="by-hand")["Body"].read() == b"in a chunk"


@pytest.mark.parametrize("size", [1, 100_000, 3_000_000])
def test_a_body_that_its_trailer_belies_is_refused_and_not_stored(bucket, size):
    framed, headers = trailing(b"x" * size, zlib.crc32(b"something else"))
    status, document = put(bucket, framed, UNSIGNED_TRAILER, headers)
    assert (status, "<Code>BadDigest</Code>" in document) == (400, True), document
    assert stored_keys(bucket) == []


def test_a_body_that_its_checksum_header_belies_is_refused_and_not_stored(bucket):
    checksum = base64.b64encode(zlib.crc32(b"something else").to_bytes(4)).decode()
    hashed = hashlib.sha256(b"body").hexdigest()
    status, document = put(bucket, b"body", hashed, {"x-amz-checksum-crc32": checksum})
    assert (status, "<Code>BadDigest</Code>" in document) == (400, True), document
    assert stored_keys(bucket) == []


def test_a_body_that_its_content_md5_belies_is_refused_and_not_stored(bucket):
    digest = base64.b64encode(hashlib.md5(b"something else").digest()).decode()
    status, document = put(bucket, b"body", hashlib.sha256(b"body").hexdigest(), {"content-md5": digest})
    assert (status, "<Code>BadDigest</Code>" in document) == (400, True), document
    assert stored_keys(bucket) == []
