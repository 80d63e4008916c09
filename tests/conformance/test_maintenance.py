"""What the operator does with what is stored: scanning, sealing in place, new keys after a rotation."""

import csv
import io
import json
import os
import re
import signal
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from surroundings import MIB, SEALING_ENV, portcullis, sealing_client, started

KEYS = ["a", "a dir/", "a dir/+ %.txt", "large", "none", "ümlaut"]
PLAIN = b"nobody but clients may read this " * 3000


@pytest.fixture
def s3():
    return sealing_client()


def bodies():
    return {"large": os.urandom(9 * MIB + 5), "none": b"", "a dir/": b""}


def done(*words):
    ended = portcullis(*words, "--json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(ended.stdout)


def changed(command, place, *options):
    ended = portcullis(command, place, "--json", *options)
    if ended.returncode == 1 and "--danger-unguarded" in ended.stderr:
        return changed(command, place, *options, "--danger-unguarded")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stderr == "", "the probe is gone"
    return json.loads(ended.stdout)


def migrate(place, *options):
    return changed("migrate", place, *options)


def rewrap(place, *options):
    return changed("rewrap", place, *options)


def test_what_is_there_is_sealed_in_place(s3, backend, bucket):
    others = bodies()
    for key in KEYS:
        backend.put_object(
            Bucket=bucket,
            Key=key,
            Body=others.get(key, PLAIN),
            ContentType="text/x",
            CacheControl="no-store",
            Metadata={"mine": "kept"},
        )
    place = f"s3://{bucket}"
    found = done("scan", place)
    assert (found["objects"]["count"], found["not_sealed"]["count"]) == (len(KEYS), len(KEYS))
    with pytest.raises(ClientError, match="InvalidObjectState"):
        s3.get_object(Bucket=bucket, Key="a")
    assert migrate(place, "--dry-run")["done"] == len(KEYS)
    assert done("scan", place)["sealed"]["count"] == 0
    # Parts, for what is large.
    told = migrate(place, "--verify", "--part-bytes", 5 * MIB)
    assert (told["done"], told["failed"], told["left"]) == (len(KEYS), 0, {}), told
    assert (told := migrate(place))["already"] == len(KEYS) and told["done"] == 0
    for key in KEYS:
        got = s3.get_object(Bucket=bucket, Key=key)
        assert got["Body"].read() == others.get(key, PLAIN), key
        assert (got["ContentType"], got["CacheControl"]) == ("text/x", "no-store"), key
        assert got["Metadata"] == {"mine": "kept"}, key
        assert PLAIN[:30] not in backend.get_object(Bucket=bucket, Key=key)["Body"].read()
    listed = {it["Key"]: it["Size"] for it in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert listed == {key: len(others.get(key, PLAIN)) for key in KEYS}
    found = done("scan", place)
    assert found["sealed"]["count"] == len(KEYS) and found["not_sealed"]["count"] == 0
    assert found["keys"][0]["keyring"] == "dev"


def test_an_interrupted_scan_tells_where_to_go_on(backend, bucket):
    keys = {f"-{number:04}" for number in range(600)}
    for key in keys:
        backend.put_object(Bucket=bucket, Key=key, Body=b"x")
    seen, start_after, runs = set(), [], 0
    while True:
        words = ["scan", f"s3://{bucket}", "--csv", "--jobs", "8", *start_after]
        with started(*words) as scan:
            for number, row in enumerate(csv.DictReader(scan.stdout)):
                seen.add(row["key"])
                if number == 200:
                    scan.send_signal(signal.SIGINT)
            told = scan.stderr.read()
        runs += 1
        if scan.returncode == 0:
            break
        assert "it was told to stop" in told, told
        start_after = ["--start-after", re.search(r"--start-after '(.*)'", told)[1]]
    assert runs > 1 and seen == keys, (runs, sorted(keys - seen))


def test_output_that_cannot_be_written_is_a_failure(backend, bucket):
    backend.put_object(Bucket=bucket, Key="k", Body=b"x")
    for form in ("--csv", "--json"):
        with open("/dev/full", "w", encoding="utf-8") as full, started("scan", f"s3://{bucket}", form, stdout=full) as scan:
            told = scan.stderr.read()
        assert scan.returncode == 1 and "standard output" in told, told


def test_a_stray_value_of_the_proxys_is_judged_alike(backend, bucket):
    backend.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"pcl-x": "1"})
    for words in (["scan", f"s3://{bucket}"], ["inspect", f"s3://{bucket}/k"], ["migrate", f"s3://{bucket}"]):
        ended = portcullis(*words, *(["--danger-unguarded"] if words[0] == "migrate" else []))
        assert ended.returncode == 1 and "is there alone" in ended.stdout + ended.stderr, ended
    assert backend.head_object(Bucket=bucket, Key="k")["Metadata"] == {"pcl-x": "1"}


@pytest.mark.needs("tags")
def test_tags_and_grants_stay(s3, backend, bucket):
    backend.put_object(Bucket=bucket, Key="k", Body=PLAIN, Tagging="a=b&c=d%20e")
    migrate(f"s3://{bucket}")
    tags = [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d e"}]
    assert sorted(backend.get_object_tagging(Bucket=bucket, Key="k")["TagSet"], key=lambda it: it["Key"]) == tags
    rotate()
    told = rewrap(f"s3://{bucket}")
    assert told["done"] == 1, told
    assert sorted(backend.get_object_tagging(Bucket=bucket, Key="k")["TagSet"], key=lambda it: it["Key"]) == tags


@pytest.mark.needs("versions")
def test_older_versions_are_told_of(s3, backend, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    backend.put_object(Bucket=bucket, Key="k", Body=b"first")
    backend.put_object(Bucket=bucket, Key="k", Body=PLAIN)
    told = migrate(f"s3://{bucket}")
    # What was there is an older version now, and is counted at once.
    assert (told["done"], told["old_versions"]) == (1, {"already": 0, "listed": 1, "made": 1}), told
    assert migrate(f"s3://{bucket}")["old_versions"] == {"already": 0, "listed": 2, "made": 0}
    assert done("scan", f"s3://{bucket}", "--versions")["not_sealed"]["count"] == 2
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == PLAIN
    rotate()
    told = rewrap(f"s3://{bucket}")
    assert (told["done"], told["old_versions"]) == (1, {"already": 2, "listed": 0, "made": 1}), told
    told = rewrap(f"s3://{bucket}")
    assert (told["done"], told["old_versions"]) == (0, {"already": 2, "listed": 1, "made": 0}), told
    names = [it["Key"] for it in backend.list_object_versions(Bucket=bucket)["Versions"]]
    assert set(names) == {"k"}, "the probes are gone, with all their versions"


@pytest.fixture
def locking(backend):
    """A bucket whose objects can be locked."""
    name = f"conformance-{uuid.uuid4().hex[:16]}"
    backend.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    yield name
    for found in backend.list_object_versions(Bucket=name)["Versions"]:
        version = {"Bucket": name, "Key": found["Key"], "VersionId": found["VersionId"]}
        if found["Key"] == "held":
            backend.put_object_legal_hold(**version, LegalHold={"Status": "OFF"})
        backend.delete_object(**version, BypassGovernanceRetention=True)
    backend.delete_bucket(Bucket=name)


@pytest.mark.needs("locks")
def test_what_is_locked_or_held_stays(backend, locking):
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    kept = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": tomorrow}
    for key, lock in [("free", {}), ("held", {"ObjectLockLegalHoldStatus": "ON"}), ("kept", kept)]:
        backend.put_object(Bucket=locking, Key=key, Body=PLAIN, **lock)
    told = migrate(f"s3://{locking}", "--verify")
    assert (told["done"], told["left"], told["old_versions"]["made"]) == (1, {"locked or held": 2}, 1), told
    scanned = done("scan", f"s3://{locking}", "--versions")
    assert (scanned["sealed"]["count"], scanned["objects"]["count"]) == (1, 4), "the probe is gone"


def rotate():
    """The version that writes from now on."""
    file = f"{os.path.dirname(SEALING_ENV['PORTCULLIS_CONFIG'])}/dev.keyring"
    rotated = portcullis("keys", "rotate", file)
    assert rotated.returncode == 0, rotated.stderr
    listed = json.loads(portcullis("keys", "list", file, "--json").stdout)
    return str(max(version["version"] for version in listed["keys"]))


def eventually(read):
    """The gate looks for a changed keyring by itself."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return read()
        except ClientError:
            if time.monotonic() > deadline:
                raise


def test_a_rotation_reaches_what_is_stored(s3, bucket):
    sent = {"small": PLAIN, "none": b"", "a key/+ %.txt": PLAIN}
    for key, body in sent.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata={"mine": "kept"}, ContentType="text/x")
    version = rotate()
    assert rewrap(f"s3://{bucket}", "--dry-run")["done"] == len(sent)
    told = rewrap(f"s3://{bucket}")
    assert (told["done"], told["failed"], told["already"]) == (len(sent), 0, 0), told
    told = rewrap(f"s3://{bucket}")
    assert (told["done"], told["already"]) == (0, len(sent)), told
    assert done("inspect", f"s3://{bucket}/small")["key_version"] == version
    for key, body in sent.items():
        got = eventually(lambda key=key: s3.get_object(Bucket=bucket, Key=key))
        assert got["Body"].read() == body, key
    assert s3.head_object(Bucket=bucket, Key="small")["Metadata"] == {"mine": "kept"}
    assert s3.head_object(Bucket=bucket, Key="small")["ContentType"] == "text/x"


@pytest.mark.needs("acl-of-parts")
def test_a_rotation_reaches_what_was_uploaded_in_parts(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    parts = [os.urandom(5 * MIB), b"the last"]
    tags = [
        s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=number, Body=part)["ETag"]
        for number, part in enumerate(parts, 1)
    ]
    listed = {"Parts": [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]}
    s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload=listed)
    version = rotate()
    assert rewrap(f"s3://{bucket}")["done"] == 1
    assert done("inspect", f"s3://{bucket}/parts")["key_version"] == version
    got = eventually(lambda: s3.get_object(Bucket=bucket, Key="parts"))
    assert got["Body"].read() == b"".join(parts)
    last = s3.get_object(Bucket=bucket, Key="parts", PartNumber=2)
    assert last["Body"].read() == parts[1] and last["PartsCount"] == 2


def test_each_object_is_a_line_for_programs(s3, backend, bucket):
    s3.put_object(Bucket=bucket, Key="sealed, and more", Body=b"x")
    backend.put_object(Bucket=bucket, Key="plain", Body=b"x")
    scanned = portcullis("scan", f"s3://{bucket}", "--csv")
    assert scanned.returncode == 0, scanned.stderr
    rows = {row["key"]: row for row in csv.DictReader(io.StringIO(scanned.stdout))}
    assert {key: row["state"] for key, row in rows.items()} == {"plain": "not sealed", "sealed, and more": "sealed"}
    assert (rows["sealed, and more"]["keyring"], rows["sealed, and more"]["binding"]) == ("dev", "key")


def test_a_bucket_that_is_not_there_is_told_of():
    scanned = portcullis("scan", "s3://conformance-is-not-there")
    assert scanned.returncode == 1
    assert "404" in scanned.stderr and "NoSuchBucket" in scanned.stderr
