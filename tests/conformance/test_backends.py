"""What the gate is told of its backend is what the backend does."""

import json
import subprocess

import pytest
from botocore.exceptions import ClientError

import sidecars
from sidecars import THE_BACKEND, client
from surroundings import BACKEND_KIND

ASKED = {
    "AES256": {"ServerSideEncryption": "AES256"},
    "aws:kms": {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "no-such-key"},
    "aws:kms:dsse": {"ServerSideEncryption": "aws:kms:dsse", "SSEKMSKeyId": "no-such-key"},
    "SSE-C": {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "a key that is thirty-two bytes.."},
}
# What stands in for KMS there has one key.
KMS_KEY = "conformance"


def expected(folder, encryption):
    """What `check` says that the backend makes of it."""
    rule = f'treatment = "inject"\nsse = "{encryption}"\n'
    if encryption.startswith("aws:kms"):
        rule += 'kms_key_id = "no-such-key"'
    if encryption == "SSE-C":
        rule += 'customer_key = "file:token.secret"'
    path = sidecars.configure(folder, THE_BACKEND, rule, f'backend = "{BACKEND_KIND}"', listener=8080, admin=9090)
    checked = subprocess.run(
        [sidecars.PROGRAM, "check", "--json", "--config", str(path)], capture_output=True, text=True, check=False
    )
    faults = [fault["message"] for fault in json.loads(checked.stdout)["faults"]]
    assert len(faults) <= 1, faults
    for word, verdict in (("ignores", "ignored"), ("refuses", "refused")):
        if any(word in fault for fault in faults):
            return verdict
    assert faults == []
    return "encrypted"


def seen(backend, bucket, encryption):
    """What the backend can be seen to make of it. That it tells of encryption proves none."""
    try:
        backend.put_object(Bucket=bucket, Key="key", Body=b"x", **ASKED[encryption])
    except ClientError:
        return {"refused"}
    try:
        told = backend.get_object(Bucket=bucket, Key="key")
    except ClientError:
        return {"encrypted"}
    return {"encrypted", "ignored"} if told.get("ServerSideEncryption") == encryption else {"ignored"}


@pytest.mark.skipif(BACKEND_KIND is None, reason="the configuration has no name for this backend")
@pytest.mark.parametrize("encryption", ASKED)
def test_what_is_known_of_it_is_so(backend, bucket, tmp_path, encryption):
    assert expected(tmp_path, encryption) in seen(backend, bucket, encryption)


@pytest.mark.needs("kms-keys")
def test_a_kms_key_is_added(backend, bucket, tmp_path):
    rule = f'treatment = "inject"\nsse = "aws:kms"\nkms_key_id = "{KMS_KEY}"'
    named = f'backend = "{BACKEND_KIND}"\nencryption_set_up = ["aws:kms"]'
    with sidecars.gate(tmp_path, THE_BACKEND, rule, named) as gate:
        s3 = client(gate)
        for key, size in [("small", 1000), ("large", 9 * 1024 * 1024)]:
            (tmp_path / key).write_bytes(b"x" * size)
            s3.upload_file(str(tmp_path / key), bucket, key)
            assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"x" * size
            head = backend.head_object(Bucket=bucket, Key=key)
            assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", KMS_KEY)
