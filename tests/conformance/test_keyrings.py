"""Objects sealed under the keys of real key services, by gates that have nothing at hand yet."""

import base64
import json
import os
import subprocess
import time

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from key_services import KEYRINGS, AppRoleVault, DerivedVault, Kms, KmsByAlias, OwnVault, Vault
from sidecars import PROGRAM, THE_BACKEND, client, configure, gate
from surroundings import MIB, stored_keys, stored_uploads

BODY = os.urandom(2 * MIB + 1)
BOX = "pcl-k"


def rule(service, more=""):
    return f'treatment = "seal"\n{more}\n{service.keyring()}'


def made(kind, tmp_path):
    """A key service, and a folder for a gate that asks it."""
    folder = tmp_path / "gate"
    folder.mkdir()
    return kind(folder), folder


def box(backend, bucket, key):
    """The key box of a stored object: ring and version."""
    value = backend.head_object(Bucket=bucket, Key=key)["Metadata"][BOX]
    found = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    ring_end = 3 + found[2]
    return found[3:ring_end].decode(), found[ring_end + 1 : ring_end + 1 + found[ring_end]].decode()


def code(raised):
    return raised.value.response["Error"]["Code"]


@pytest.mark.parametrize("kind", KEYRINGS, ids=lambda kind: kind.name)
def test_what_one_gate_seals_another_opens(kind, tmp_path, backend, bucket):
    service, folder = made(kind, tmp_path)
    with gate(folder, THE_BACKEND, rule(service)) as first:
        client(first).put_object(Bucket=bucket, Key="k", Body=BODY)
        assert client(first).get_object(Bucket=bucket, Key="k")["Body"].read() == BODY
    assert backend.head_object(Bucket=bucket, Key="k")["ContentLength"] > len(BODY)
    assert box(backend, bucket, "k")[0] == "ring"
    with gate(folder, THE_BACKEND, rule(service)) as second:
        assert client(second).get_object(Bucket=bucket, Key="k")["Body"].read() == BODY


@pytest.mark.parametrize("kind", KEYRINGS, ids=lambda kind: kind.name)
def test_a_key_serves_one_bucket(kind, tmp_path, s3, backend, bucket):
    """What a backend hands out under another bucket's name does not open, though its box is bound to none."""
    service, folder = made(kind, tmp_path)
    other = f"{bucket}-other"
    s3.create_bucket(Bucket=other)
    try:
        with gate(folder, THE_BACKEND, rule(service, 'binding = "nothing"')) as first:
            client(first).put_object(Bucket=bucket, Key="k", Body=b"body")
            stored = backend.get_object(Bucket=bucket, Key="k")
            backend.put_object(Bucket=other, Key="k", Body=stored["Body"].read(), Metadata=stored["Metadata"])
            with pytest.raises(ClientError) as raised:
                trying(first, 1).get_object(Bucket=other, Key="k")
        assert code(raised) == "InternalError"
    finally:
        backend.delete_object(Bucket=other, Key="k")
        backend.delete_bucket(Bucket=other)


@pytest.mark.parametrize("kind", KEYRINGS, ids=lambda kind: kind.name)
def test_check_asks_for_a_key_and_whether_it_is_bound(kind, tmp_path):
    service, folder = made(kind, tmp_path)
    path = configure(folder, THE_BACKEND, rule(service))
    command = [PROGRAM, "check", "--json", "--config", str(path)]
    ended = subprocess.run([*command, "--online"], capture_output=True, text=True, timeout=60, check=False)
    (probed,) = json.loads(ended.stdout)["online"]
    assert ended.returncode == 0 and probed["ok"], probed
    offline = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "online" not in json.loads(offline.stdout)


def test_kms_keys_are_named_as_s3_names_them(tmp_path, backend, bucket):
    service, folder = made(Kms, tmp_path)
    with gate(folder, THE_BACKEND, rule(service)) as first:
        s3 = client(first)
        put = s3.put_object(Bucket=bucket, Key="k", Body=b"body")
        assert (put["ServerSideEncryption"], put["SSEKMSKeyId"]) == ("aws:kms", service.first)
        own = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": service.second}
        s3.put_object(Bucket=bucket, Key="own", Body=b"body", **own)
        assert s3.get_object(Bucket=bucket, Key="own")["SSEKMSKeyId"] == service.second
        assert box(backend, bucket, "own")[1] == service.second.rpartition("/")[2]
        with pytest.raises(ClientError) as raised:
            s3.put_object(Bucket=bucket, Key="k", Body=b"", ServerSideEncryption="aws:kms", SSEKMSKeyId="unknown")
        assert code(raised) == "KMS.NotFoundException"


def test_an_alias_is_pointed_at_another_key(tmp_path, backend, bucket):
    service, folder = made(KmsByAlias, tmp_path)
    with gate(folder, THE_BACKEND, rule(service)) as first:
        client(first).put_object(Bucket=bucket, Key="old", Body=b"old")
    service.client.update_alias(AliasName=service.alias, TargetKeyId=service.second)
    old_key = service.first.rpartition("/")[2]
    with gate(folder, THE_BACKEND, rule(service).replace(service.second, service.first)) as both:
        client(both).put_object(Bucket=bucket, Key="new", Body=b"new")
        assert client(both).get_object(Bucket=bucket, Key="old")["Body"].read() == b"old"
        assert client(both).get_object(Bucket=bucket, Key="new")["Body"].read() == b"new"
    assert box(backend, bucket, "old")[1] == old_key
    assert box(backend, bucket, "new")[1] == service.second.rpartition("/")[2]


@pytest.mark.parametrize("kind", [Vault, DerivedVault], ids=lambda kind: kind.name)
def test_a_rotated_transit_key_opens_what_it_wrapped_until_it_must_not(kind, tmp_path, backend, bucket):
    service, folder = made(kind, tmp_path)
    with gate(folder, THE_BACKEND, rule(service)) as first:
        client(first).put_object(Bucket=bucket, Key="old", Body=b"old")
    service.ask(f"transit/keys/{service.key}/rotate", {})
    with gate(folder, THE_BACKEND, rule(service)) as second:
        client(second).put_object(Bucket=bucket, Key="new", Body=b"new")
        assert client(second).get_object(Bucket=bucket, Key="old")["Body"].read() == b"old"
    assert [box(backend, bucket, key)[1] for key in ("old", "new")] == ["1", "2"]
    service.ask(f"transit/keys/{service.key}/config", {"min_decryption_version": 2})
    with gate(folder, THE_BACKEND, rule(service)) as third:
        assert client(third).get_object(Bucket=bucket, Key="new")["Body"].read() == b"new"
        with pytest.raises(ClientError) as raised:
            client(third).get_object(Bucket=bucket, Key="old")
        assert code(raised) == "KMS.DisabledException"


def test_tokens_are_renewed_and_replaced_when_they_end(tmp_path, s3, backend, bucket):
    """They live for 2 seconds, for 6 in all; each bucket needs a key of its own."""
    service, folder = made(AppRoleVault, tmp_path)
    buckets = [f"{bucket}-{number}" for number in range(9)]
    try:
        with gate(folder, THE_BACKEND, rule(service)) as first:
            for name in buckets:
                s3.create_bucket(Bucket=name)
                client(first).put_object(Bucket=name, Key="k", Body=b"body")
                time.sleep(1)
    finally:
        for name in buckets:
            backend.delete_object(Bucket=name, Key="k")
            backend.delete_bucket(Bucket=name)


@pytest.fixture
def own_service(tmp_path):
    service, folder = made(OwnVault, tmp_path)
    yield service, folder
    service.end()


def trying(gate, times):
    """A stock client that sends again, as often as this."""
    retries = {"mode": "standard", "total_max_attempts": times}
    return boto3.client("s3", endpoint_url=gate.url, config=Config(retries=retries))


def test_what_is_at_hand_outlasts_the_key_service(own_service, s3, backend, bucket):
    service, folder = own_service
    other = f"{bucket}-other"
    s3.create_bucket(Bucket=other)
    try:
        with gate(folder, THE_BACKEND, rule(service)) as first:
            once, often = trying(first, 1), trying(first, 20)
            once.put_object(Bucket=bucket, Key="k", Body=BODY)
            service.end()
            is_away(once, bucket, other)
            service.come_back()
            # It answers again, but has not been given the key to its own store.
            is_away(once, bucket, other)
            service.unseal()
            often.put_object(Bucket=other, Key="k", Body=b"back")
            assert once.get_object(Bucket=other, Key="k")["Body"].read() == b"back"
        # Nothing is at hand of this one.
        with gate(folder, THE_BACKEND, rule(service)) as second:
            assert client(second).get_object(Bucket=bucket, Key="k")["Body"].read() == BODY
            assert client(second).get_object(Bucket=bucket, Key="meanwhile")["Body"].read() == b"body"
    finally:
        for key in stored_keys(other):
            backend.delete_object(Bucket=other, Key=key)
        backend.delete_bucket(Bucket=other)


def is_away(once, bucket, other):
    """The key of one bucket is at hand, that of the other is not: nothing gets into it."""
    assert once.get_object(Bucket=bucket, Key="k")["Body"].read() == BODY
    once.put_object(Bucket=bucket, Key="meanwhile", Body=b"body")
    assert once.get_object(Bucket=bucket, Key="meanwhile")["Body"].read() == b"body"
    for write in (once.put_object, once.create_multipart_upload):
        with pytest.raises(ClientError) as raised:
            write(Bucket=other, Key="k")
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
        assert code(raised) == "SlowDown"
    assert stored_keys(other) == [] and stored_uploads(other) == []


def test_a_gate_that_may_not_ask_says_why(tmp_path):
    service, folder = made(Vault, tmp_path)
    path = configure(folder, THE_BACKEND, rule(service))
    service.ask(f"sys/policies/acl/{service.key}", {"policy": 'path "nothing" { capabilities = ["read"] }'})
    command = [PROGRAM, "check", "--config", str(path), "--online"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "refused by its key service: 403" in ended.stdout and "permission denied" in ended.stdout
