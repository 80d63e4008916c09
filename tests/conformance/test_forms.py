"""Uploads from browsers: boto3 presigns a form, and any program that knows HTTP sends it."""

import os
import xml.etree.ElementTree as ET

import pytest
import requests

from surroundings import GATE_URL, MIB, gate_client, stored_keys

SSE_FIELD = {"x-amz-server-side-encryption": "AES256"}


def presigned(bucket, key="k", fields=None, conditions=(), **options):
    """A form that lets its holder upload to `key`, encrypted."""
    fields = {**SSE_FIELD, **(fields or {})}
    covered = [{name: value} for name, value in fields.items()]
    return gate_client(**options).generate_presigned_post(bucket, key, fields, [*covered, *conditions])


def send(post, body=b"from a browser", name="photo.jpg", **changes):
    """Sends a form, its fields changed so."""
    fields = {**post["fields"], **changes}
    files = {"file": (name, body, "image/jpeg")}
    return requests.post(
        post["url"], data=fields, files=files, verify=os.environ["AWS_CA_BUNDLE"], timeout=60, allow_redirects=False
    )


def code(answer):
    return answer.status_code, ET.fromstring(answer.content).findtext("Code")


@pytest.mark.parametrize("size", [0, 1, 3 * MIB + 1])
def test_a_form_stores_its_file(s3, bucket, file_of, size):
    body = file_of(size).read_bytes()
    post = presigned(bucket, fields={"Content-Type": "image/jpeg", "x-amz-meta-who": "me"})
    assert "x-amz-signature" in post["fields"]
    answer = send(post, body)
    assert (answer.status_code, answer.content) == (204, b"")
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == body and got["ETag"] == answer.headers["ETag"]
    assert got["ContentType"] == "image/jpeg" and got["Metadata"] == {"who": "me"}


def test_the_files_name_becomes_part_of_the_key(bucket):
    answer = send(presigned(bucket, "in/${filename}"), name="a + b.txt")
    assert answer.status_code == 204 and stored_keys(bucket) == ["in/a + b.txt"]


def test_a_form_chooses_its_answer(bucket):
    answer = send(presigned(bucket, "a/b", {"success_action_status": "201"}))
    told = {element.tag: element.text for element in ET.fromstring(answer.content)}
    assert answer.status_code == 201
    assert told == {
        "Location": f"{GATE_URL}/{bucket}/a%2Fb",
        "Bucket": bucket,
        "Key": "a/b",
        "ETag": answer.headers["ETag"],
    }
    answer = send(presigned(bucket, "a/b", {"success_action_redirect": "https://example.com/done"}))
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(f"https://example.com/done?bucket={bucket}&key=a%2Fb&etag=%22")


def test_a_form_is_held_to_its_policy(bucket):
    assert code(send(presigned(bucket), key="other")) == (403, "AccessDenied")
    assert code(send(presigned(bucket), acl="public-read")) == (403, "AccessDenied")
    small = presigned(bucket, conditions=[["content-length-range", 1, 4]])
    assert code(send(small, b"12345")) == (400, "EntityTooLarge")
    assert code(send(small, b"")) == (400, "EntityTooSmall")
    assert stored_keys(bucket) == []
    assert send(small, b"1234").status_code == 204


def test_a_form_that_somebody_changed_is_refused(bucket):
    post = presigned(bucket)
    other = presigned(bucket, "other")
    assert code(send(post, policy=other["fields"]["policy"])) == (403, "SignatureDoesNotMatch")
    liar = presigned(bucket, aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"], aws_secret_access_key="wrong")
    assert code(send(liar)) == (403, "SignatureDoesNotMatch")
    assert stored_keys(bucket) == []


def test_a_form_without_encryption_is_refused_as_any_upload(bucket):
    post = gate_client().generate_presigned_post(bucket, "k")
    assert code(send(post)) == (403, "AccessDenied")
    assert stored_keys(bucket) == []


def test_nobody_in_particular_uploads_nothing(bucket):
    post = {"url": f"{GATE_URL}/{bucket}", "fields": {"key": "k", **SSE_FIELD}}
    assert code(send(post)) == (403, "AccessDenied")
    assert stored_keys(bucket) == []
