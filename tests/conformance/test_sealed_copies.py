"""Copies, and what is done by copying, through the gate that seals: no program need know that each name has a key
box of its own."""

import os
import tempfile
import uuid
from pathlib import Path

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from mounting import mounted
from programs import rclone, told_by_rclone
from sealed import ODD_PARTS, is_sealed, upload
from surroundings import LARGE_TOO, MIB, SEALING, aws, sealing_client, stored_keys, stored_uploads

SMALL = 70_001
# More than two parts of 5 MiB.
LARGE = 12 * MIB + 1
LARGER = [64 * MIB, 300 * MIB] if LARGE_TOO else []
IN_PARTS = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)


@pytest.fixture
def s3():
    return sealing_client()


@pytest.fixture
def other(s3, backend, bucket):
    """A second bucket."""
    name = f"conformance-{uuid.uuid4().hex[:16]}"
    s3.create_bucket(Bucket=name)
    yield name
    for key in stored_keys(name):
        backend.delete_object(Bucket=name, Key=key)
    backend.delete_bucket(Bucket=name)


@pytest.fixture
def holds(s3, backend, bucket):
    """Checks that a bucket has these objects and no others, and that none of them can be read past the gate."""

    def check(bodies, bucket=bucket, unlistable=(), **keyed):
        assert sorted(stored_keys(bucket)) == sorted(bodies) and stored_uploads(bucket) == []
        listed = {found["Key"]: found["Size"] for found in s3.list_objects_v2(Bucket=bucket).get("Contents", [])}
        assert listed.keys() == bodies.keys()
        assert {key: listed[key] for key in bodies.keys() - unlistable} == {
            key: len(bodies[key]) for key in bodies.keys() - unlistable
        }
        for key, body in bodies.items():
            got = s3.get_object(Bucket=bucket, Key=key, **keyed.get(key, {}))
            assert got["ContentLength"] == len(body) and got["Body"].read() == body, key
            is_sealed(backend.get_object(Bucket=bucket, Key=key)["Body"].read(), body)

    return check


def in_parts(size):
    """One more than fits into parts of 5 MiB."""
    return [os.urandom(5 * MIB) for _ in range(size // (5 * MIB))] + [os.urandom(size % (5 * MIB))]


SOURCES = [
    pytest.param([b""], id="empty"),
    pytest.param([os.urandom(SMALL)], id="small"),
    pytest.param(in_parts(LARGE), id="in parts"),
    pytest.param([os.urandom(size) for size in ODD_PARTS], id="in odd parts"),
]


def put(s3, bucket, key, parts, keyed=None, **more):
    """In one request, if it is one part."""
    if len(parts) > 1:
        return upload(s3, bucket, key, parts, keyed, **more)
    s3.put_object(Bucket=bucket, Key=key, Body=parts[0], **(keyed or {}), **more)
    return parts[0]


@pytest.mark.parametrize("parts", SOURCES)
def test_boto3_copies_with_and_without_new_metadata(s3, bucket, other, holds, parts):
    body = put(s3, bucket, "from here + there", parts, Metadata={"a": "1"}, ContentType="text/x")
    source = {"Bucket": bucket, "Key": "from here + there"}
    s3.copy_object(Bucket=bucket, Key="kept", CopySource=source)
    s3.copy_object(Bucket=other, Key="kept", CopySource=source)
    new = {"MetadataDirective": "REPLACE", "Metadata": {"b": "2"}, "ContentType": "text/y"}
    s3.copy_object(Bucket=bucket, Key="new", CopySource=source, **new)
    holds({"from here + there": body, "kept": body, "new": body})
    holds({"kept": body}, other)
    for place in (bucket, other):
        head = s3.head_object(Bucket=place, Key="kept")
        assert (head["ContentType"], head["Metadata"]) == ("text/x", {"a": "1"})
    head = s3.head_object(Bucket=bucket, Key="new")
    assert (head["ContentType"], head["Metadata"]) == ("text/y", {"b": "2"})
    # A copy stands by itself.
    s3.delete_object(**source)
    holds({"kept": body, "new": body})


@pytest.mark.parametrize("parts", SOURCES)
def test_boto3_replaces_metadata_by_a_copy_onto_itself(s3, bucket, holds, parts):
    place = {"Bucket": bucket, "Key": "k"}
    body = put(s3, bucket, "k", parts, Metadata={"a": "1"})
    for number in ("2", "3"):
        s3.copy_object(**place, CopySource=place, MetadataDirective="REPLACE", Metadata={"b": number})
        holds({"k": body})
        assert s3.head_object(**place)["Metadata"] == {"b": number}


def test_a_copy_onto_itself_must_change_something(s3, bucket, holds):
    place = {"Bucket": bucket, "Key": "k"}
    s3.put_object(**place, Body=b"x" * 100)
    try:
        s3.copy_object(**place, CopySource=place)
    except ClientError as error:
        # S3's word for it; not every backend minds.
        assert error.response["Error"]["Code"] == "InvalidRequest"
    holds({"k": b"x" * 100})


@pytest.mark.parametrize("parts", SOURCES[2:])
def test_boto3_copies_in_parts(s3, bucket, other, holds, parts):
    body = upload(s3, bucket, "from", parts)
    source = {"Bucket": bucket, "Key": "from"}
    s3.copy(source, bucket, "to", Config=IN_PARTS)
    s3.copy(source, other, "to", Config=IN_PARTS)
    # And a copy of a copy.
    s3.copy({"Bucket": bucket, "Key": "to"}, bucket, "further", Config=IN_PARTS)
    holds({"from": body, "to": body, "further": body})
    holds({"to": body}, other)


def test_boto3_copies_ranges_as_parts(s3, bucket, holds):
    """Across the borders of the source's own parts and records, beside a part that it uploads."""
    body = upload(s3, bucket, "from", [os.urandom(size) for size in ODD_PARTS])
    place = {"Bucket": bucket, "Key": "to"}
    place["UploadId"] = s3.create_multipart_upload(**place)["UploadId"]
    source = {"Bucket": bucket, "Key": "from"}
    listed, expected = [], b""
    for number, (first, last) in enumerate([(1, 6 * MIB), (5 * MIB, 11 * MIB + 77_776)], 1):
        part = s3.upload_part_copy(
            **place, PartNumber=number, CopySource=source, CopySourceRange=f"bytes={first}-{last}"
        )
        listed.append({"PartNumber": number, "ETag": part["CopyPartResult"]["ETag"]})
        expected += body[first : last + 1]
    listed.append({"PartNumber": 3, "ETag": s3.upload_part(**place, PartNumber=3, Body=b"the end" * 99)["ETag"]})
    s3.complete_multipart_upload(**place, MultipartUpload={"Parts": listed})
    holds({"from": body, "to": expected + b"the end" * 99})


def customer_key():
    return {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": os.urandom(32)}


def of_the_source(key):
    return {f"CopySource{name}": value for name, value in key.items()}


@pytest.mark.parametrize("parts", SOURCES)
def test_customers_keys_of_either_side(s3, bucket, holds, parts):
    one, two = customer_key(), customer_key()
    body = put(s3, bucket, "one", parts, one, Metadata={"a": "1"})
    source = {"Bucket": bucket, "Key": "one"}
    for wrong in ({}, of_the_source(two)):
        with pytest.raises(ClientError, match="InvalidRequest|AccessDenied"):
            s3.copy_object(Bucket=bucket, Key="none", CopySource=source, **wrong)
    s3.copy_object(Bucket=bucket, Key="two", CopySource=source, **of_the_source(one), **two)
    s3.copy_object(Bucket=bucket, Key="ours", CopySource=source, **of_the_source(one))
    s3.copy_object(Bucket=bucket, Key="theirs", CopySource={"Bucket": bucket, "Key": "ours"}, **two)
    keys = {"one": one, "two": two, "theirs": two}
    # The sizes of odd parts stand under the customer's key, which no listing brings.
    unlistable = keys.keys() if [len(part) for part in parts] == ODD_PARTS else ()
    holds(dict.fromkeys(("one", "two", "ours", "theirs"), body), unlistable=unlistable, **keys)
    # A new key for what is there.
    s3.copy_object(**source, CopySource=source, **of_the_source(one), **two)
    holds(dict.fromkeys(("one", "two", "ours", "theirs"), body), unlistable=unlistable, **{**keys, "one": two})
    with pytest.raises(ClientError):
        s3.head_object(**source, **one)
    assert s3.head_object(**source, **two)["Metadata"] == {"a": "1"}


def test_customers_keys_of_copies_in_parts(s3, bucket, holds):
    """Step by step: not every program brings the key once more when it completes."""
    one, two = customer_key(), customer_key()
    body = upload(s3, bucket, "from", in_parts(LARGE), one)
    for name, source, from_key, to_key in [("two", "from", one, two), ("ours", "two", two, {}), ("one", "ours", {}, one)]:
        place = {"Bucket": bucket, "Key": name}
        place["UploadId"] = s3.create_multipart_upload(**place, **to_key)["UploadId"]
        listed = []
        for number, first in enumerate(range(0, LARGE, 5 * MIB), 1):
            part = s3.upload_part_copy(
                **place,
                **to_key,
                **of_the_source(from_key),
                PartNumber=number,
                CopySource={"Bucket": bucket, "Key": source},
                CopySourceRange=f"bytes={first}-{min(first + 5 * MIB, LARGE) - 1}",
            )
            listed.append({"PartNumber": number, "ETag": part["CopyPartResult"]["ETag"]})
        s3.complete_multipart_upload(**place, **to_key, MultipartUpload={"Parts": listed})
    holds(dict.fromkeys(("from", "two", "ours", "one"), body), **{"from": one, "two": two, "one": one})


def cli(*words):
    return aws("s3", *words, "--no-progress", gate=SEALING)


@pytest.mark.parametrize("size", [0, SMALL, LARGE, *LARGER])
def test_the_cli_copies_and_moves(bucket, other, holds, file_of, size):
    body = file_of(size).read_bytes()
    aws("s3", "cp", "--no-progress", file_of(size), f"s3://{bucket}/a b/one", gate=SEALING)
    cli("cp", f"s3://{bucket}/a b/one", f"s3://{bucket}/two")
    holds({"a b/one": body, "two": body})
    cli("mv", f"s3://{bucket}/a b/one", f"s3://{bucket}/three")
    holds({"two": body, "three": body})
    cli("mv", "--recursive", f"s3://{bucket}/", f"s3://{other}/all/")
    holds({})
    holds({"all/two": body, "all/three": body}, other)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_rclone_sets_times_by_copying_and_moves(s3, bucket, holds, file_of, tmp_path, size):
    body = file_of(size).read_bytes()
    source = tmp_path / "source"
    source.mkdir()
    (source / "k").write_bytes(body)
    rclone(SEALING, "copyto", source / "k", f"gate:{bucket}/k")
    holds({"k": body})
    os.utime(source / "k", (1_000_000_000, 1_000_000_000))
    said = told_by_rclone(SEALING, tmp_path, "copy", source, f"gate:{bucket}")
    # It sends again what went up in one request: no tag tells it the MD5, and no metadata that it kept.
    assert ("k: Updated modification time in destination" if size == LARGE else "k: Copied (replaced existing)") in said
    holds({"k": body})
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"]["mtime"] == "1000000000"
    assert told_by_rclone(SEALING, tmp_path, "copy", source, f"gate:{bucket}") == ["There was nothing to transfer"]
    rclone(SEALING, "touch", "--timestamp=2020-01-02T03:04:05", f"gate:{bucket}/k")
    holds({"k": body})
    rclone(SEALING, "moveto", f"gate:{bucket}/k", f"gate:{bucket}/sub/k")
    holds({"sub/k": body})
    for how in ([], ["--download"]):
        rclone(SEALING, "check", *how, source, f"gate:{bucket}/sub")


@pytest.mark.parametrize("options", [(), ("singlepart_copy_limit=10",)], ids=["whole", "in parts"])
@pytest.mark.parametrize("size", [0, SMALL, 25 * MIB + 1, *LARGER])
def test_s3fs_changes_by_copying(s3, bucket, holds, file_of, tmp_path, size, options):
    body = file_of(size).read_bytes()
    def mount():
        """Anew for each step: what it has of a file at hand it may write later than it says."""
        return mounted(SEALING, bucket, Path(tempfile.mkdtemp(dir=tmp_path)), *options)

    def kept(name):
        return s3.head_object(Bucket=bucket, Key="one")["Metadata"][name].partition(".")[0]

    with mount() as folder:
        (folder / "one").write_bytes(body)
    holds({"one": body})
    with mount() as folder:
        (folder / "one").chmod(0o600)
    holds({"one": body})
    assert int(kept("mode")) & 0o777 == 0o600
    with mount() as folder:
        os.utime(folder / "one", (1_000_000_000, 1_000_000_000))
    holds({"one": body})
    assert kept("mtime") == "1000000000"
    with mount() as folder:
        (folder / "one").rename(folder / "two + 2")
    holds({"two + 2": body})
    with mount() as folder:
        assert (folder / "two + 2").stat().st_size == size
        assert (folder / "two + 2").stat().st_mode & 0o777 == 0o600
        assert (folder / "two + 2").read_bytes() == body
        # What it does not change of a large file it copies, as parts that the gate then puts together anew.
        with (folder / "two + 2").open("ab") as file:
            file.write(b"and more" * 100)
        body += b"and more" * 100
    holds({"two + 2": body})


def test_s3fs_reads_what_others_copied(s3, bucket, holds, file_of, tmp_path):
    body = file_of(LARGE).read_bytes()
    s3.upload_file(str(file_of(LARGE)), bucket, "one", Config=IN_PARTS)
    s3.copy({"Bucket": bucket, "Key": "one"}, bucket, "two", Config=IN_PARTS)
    with mounted(SEALING, bucket, tmp_path) as folder:
        assert {path.name: path.stat().st_size for path in folder.iterdir()} == {"one": LARGE, "two": LARGE}
        assert (folder / "two").read_bytes() == body
        with (folder / "one").open("r+b") as file:
            # In the middle: what is before and behind it stays.
            file.seek(6 * MIB + 5)
            file.write(b"changed")
    changed = body[: 6 * MIB + 5] + b"changed" + body[6 * MIB + 12 :]
    holds({"one": changed, "two": body})
