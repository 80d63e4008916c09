"""Objects that the gate seals: what clients see, what the backend has, and what becomes of tampering."""

import hashlib
import json
import os

import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError, ResponseStreamingError

from programs import rclone, told_by_rclone
from sealed import ODD_PARTS, is_sealed, upload
from surroundings import LARGE_TOO, MIB, SEALING, SEALING_ENV, aws, backend_client, portcullis, sealing_client

SIZES = [0, 1, 65_535, 65_536, 65_537, 3 * MIB + 17]


@pytest.fixture
def s3():
    return sealing_client()


def body(size):
    return os.urandom(size)


@pytest.mark.parametrize("size", SIZES)
def test_an_object_is_what_it_was(s3, backend, bucket, size):
    sent = body(size)
    put = s3.put_object(Bucket=bucket, Key="k", Body=sent, Metadata={"mine": "kept"}, ContentType="text/x")
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == sent
    assert got["ETag"] == put["ETag"] and got["ETag"].endswith('-1"')
    assert (got["Metadata"], got["ContentType"]) == ({"mine": "kept"}, "text/x")
    assert got["ServerSideEncryption"] == put["ServerSideEncryption"] == "AES256"
    head = s3.head_object(Bucket=bucket, Key="k")
    (listed,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert head["ContentLength"] == listed["Size"] == size
    # Some backends list no tags.
    assert head["ETag"] == got["ETag"] and listed.get("ETag", got["ETag"]) == got["ETag"]
    assert backend.head_object(Bucket=bucket, Key="k")["ContentLength"] > size


@pytest.mark.parametrize("size", [20 * MIB, *([64 * MIB, 200 * MIB] if LARGE_TOO else [])])
def test_a_large_object_in_one_request(s3, backend, bucket, file_of, size):
    sent = file_of(size).read_bytes()
    s3.put_object(Bucket=bucket, Key="k", Body=sent)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == sent
    (listed,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert listed["Size"] == size
    is_sealed(backend.get_object(Bucket=bucket, Key="k")["Body"].read(), sent)


def test_ranges_are_slices(s3, bucket):
    sent = body(300_000)
    s3.put_object(Bucket=bucket, Key="k", Body=sent)
    for first, last in [(0, 0), (65_535, 65_536), (100_000, 299_999), (299_999, 999_999)]:
        got = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={first}-{last}")
        assert got["Body"].read() == sent[first : last + 1]
        assert got["ContentRange"] == f"bytes {first}-{min(last, 299_999)}/300000"
    assert s3.get_object(Bucket=bucket, Key="k", Range="bytes=-7")["Body"].read() == sent[-7:]
    assert s3.get_object(Bucket=bucket, Key="k", PartNumber=1)["Body"].read() == sent
    with pytest.raises(ClientError, match="InvalidRange"):
        s3.get_object(Bucket=bucket, Key="k", Range="bytes=300000-")


@pytest.mark.parametrize(
    "last",
    [
        pytest.param([], id="a large last part"),
        pytest.param([9], id="a small last part"),
    ],
)
def test_ranges_go_over_the_borders_of_odd_parts(s3, bucket, last):
    """Behind a small last part no table can be added, so that object is put together anew."""
    sizes = ODD_PARTS + last
    sent = upload(s3, bucket, "k", [body(size) for size in sizes])
    borders = [sum(sizes[:count]) for count in range(1, len(sizes) + 1)]
    ranges = [(0, len(sent) - 1), (1, borders[-2])]
    for border in borders[:-1]:
        ranges += [(border - 1, border), (border, border), (border - 65_537, border + 3), (border - 1, len(sent) - 1)]
    for first, end in ranges:
        got = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={first}-{end}")
        assert got["Body"].read() == sent[first : end + 1], (first, end)
        assert got["ContentRange"] == f"bytes {first}-{min(end, len(sent) - 1)}/{len(sent)}"
    for count in (1, 10, 5 * MIB + 4):
        assert s3.get_object(Bucket=bucket, Key="k", Range=f"bytes=-{count}")["Body"].read() == sent[-count:]
    (listed,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert listed["Size"] == s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == len(sent)
    with pytest.raises(ClientError, match="InvalidRange"):
        s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={len(sent)}-")


def test_conditions_go_by_the_tags_that_clients_saw(s3, bucket):
    tag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    assert s3.get_object(Bucket=bucket, Key="k", IfMatch=tag)["Body"].read() == b"x"
    # Some backends send no document with a 412.
    for condition, code in [({"IfNoneMatch": tag}, "304"), ({"IfMatch": '"other"'}, "PreconditionFailed|412")]:
        with pytest.raises(ClientError, match=code):
            s3.get_object(Bucket=bucket, Key="k", **condition)
    with pytest.raises(ClientError, match="304"):
        s3.head_object(Bucket=bucket, Key="k", IfNoneMatch=tag)


@pytest.mark.needs("conditional-put")
def test_conditional_writes(s3, bucket):
    tag = s3.put_object(Bucket=bucket, Key="k", Body=b"x", IfNoneMatch="*")["ETag"]
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"y", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"y", IfMatch='"other-1"')
    s3.put_object(Bucket=bucket, Key="k", Body=b"y", IfMatch=tag)


@pytest.mark.needs("versions")
def test_versions(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    versions = [s3.put_object(Bucket=bucket, Key="k", Body=text)["VersionId"] for text in (b"one", b"three")]
    for version, text in zip(versions, (b"one", b"three"), strict=True):
        assert s3.get_object(Bucket=bucket, Key="k", VersionId=version)["Body"].read() == text
    listed = {it["VersionId"]: it["Size"] for it in s3.list_object_versions(Bucket=bucket)["Versions"]}
    assert listed == {versions[0]: 3, versions[1]: 5}


def test_a_key_of_the_clients(s3, bucket):
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": os.urandom(32)}
    s3.put_object(Bucket=bucket, Key="k", Body=b"secret", **key)
    assert s3.get_object(Bucket=bucket, Key="k", **key)["Body"].read() == b"secret"
    with pytest.raises(ClientError, match="InvalidRequest"):
        s3.get_object(Bucket=bucket, Key="k")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.get_object(Bucket=bucket, Key="k", **{**key, "SSECustomerKey": os.urandom(32)})


def test_attributes(s3, bucket):
    tag = s3.put_object(Bucket=bucket, Key="k", Body=body(70_000))["ETag"]
    told = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ETag", "ObjectSize"])
    assert (told["ETag"], told["ObjectSize"]) == (tag.strip('"'), 70_000)


def test_a_form(s3, bucket):
    form = s3.generate_presigned_post(bucket, "k")
    answer = requests.post(
        form["url"], data=form["fields"], files={"file": body(100_000)}, verify=SEALING.ca, timeout=60
    )
    assert answer.status_code == 204, answer.text
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == 100_000


def test_a_second_sync_moves_nothing(bucket, file_of, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for size in SIZES:
        (source / str(size)).write_bytes(file_of(size).read_bytes())
        # Storages tell times in whole seconds: what was written in this one would be newer than its copy.
        os.utime(source / str(size), (1_000_000_000, 1_000_000_000))

    def sync(*places):
        return aws("s3", "sync", "--no-progress", *places, gate=SEALING).stdout

    assert sync(source, f"s3://{bucket}/").count("upload:") == len(SIZES)
    assert sync(source, f"s3://{bucket}/") == ""
    back = tmp_path / "back"
    assert sync(f"s3://{bucket}/", back).count("download:") == len(SIZES)
    assert sync(f"s3://{bucket}/", back) == ""
    for size in SIZES:
        assert (back / str(size)).read_bytes() == file_of(size).read_bytes()


@pytest.mark.parametrize("options", [[], ["--checksum"]], ids=["by time", "by checksum"])
def test_a_second_sync_of_rclones_moves_nothing(bucket, file_of, tmp_path, options):
    source, back = tmp_path / "source", tmp_path / "back"
    source.mkdir()
    sizes = [*SIZES, 12 * MIB + 1]
    for size in sizes:
        (source / str(size)).write_bytes(file_of(size).read_bytes())
    for here, there in [(source, f"gate:{bucket}"), (f"gate:{bucket}", back)]:
        told = told_by_rclone(SEALING, tmp_path, "sync", *options, here, there)
        assert sum("Copied (new)" in line for line in told) == len(sizes), told
        told = told_by_rclone(SEALING, tmp_path, "sync", *options, here, there)
        assert told == ["There was nothing to transfer"]
    rclone(SEALING, "check", "--download", source, f"gate:{bucket}")
    for size in sizes:
        assert (back / str(size)).read_bytes() == file_of(size).read_bytes()


def test_what_is_stored_opens_offline_and_shows_its_key(s3, backend, bucket, tmp_path):
    sent = body(200_000)
    s3.put_object(Bucket=bucket, Key="a key", Body=sent)
    stored = backend.get_object(Bucket=bucket, Key="a key")
    (tmp_path / "stored").write_bytes(stored["Body"].read())
    url = f"s3://{bucket}/a key"
    folder = os.path.dirname(SEALING_ENV["PORTCULLIS_CONFIG"])
    words = ["--name", url, "--pcl-c", stored["Metadata"]["pcl-c"], "--pcl-k", stored["Metadata"]["pcl-k"]]
    words += ["--keyring", f"{folder}/dev.keyring", "--output", tmp_path / "plain"]
    opened = portcullis("unseal", tmp_path / "stored", *words)
    assert opened.returncode == 0, opened.stderr
    assert (tmp_path / "plain").read_bytes() == sent


def test_an_object_is_inspected(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=body(70_000))
    told = portcullis("inspect", f"s3://{bucket}/k", "--json")
    assert told.returncode == 0, told.stderr
    told = json.loads(told.stdout)
    assert (told["sealed"], told["bytes"], told["keyring"], told["failure"]) == (True, 70_000, "dev", None)


def trying_once():
    """What fails for good is not waited for."""
    return sealing_client(config=Config(retries={"total_max_attempts": 1}))


def tampered(backend, bucket, key, *, change=lambda stored: stored, name=None, metadata=None):
    """Stores what is stored under `key` once more, changed, or under another name."""
    stored = backend.get_object(Bucket=bucket, Key=key)
    backend.put_object(
        Bucket=bucket,
        Key=name or key,
        Body=change(stored["Body"].read()),
        Metadata={**stored["Metadata"], **(metadata or {})},
    )


def flipped(at):
    return lambda stored: stored[:at] + bytes([stored[at] ^ 1]) + stored[at + 1 :]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(flipped(100), id="a bit of the first record"),
        pytest.param(flipped(-1), id="a bit of the footer"),
        pytest.param(lambda stored: stored[:-32], id="without its footer"),
        pytest.param(lambda stored: stored[65_568:], id="without its first record"),
        pytest.param(lambda stored: stored[:65_568] + stored, id="its first record twice"),
        pytest.param(lambda stored: stored[65_568:131_136] + stored[:65_568] + stored[131_136:], id="records swapped"),
        pytest.param(lambda stored: b"", id="nothing"),
    ],
)
def test_tampering_is_never_handed_out(s3, backend, bucket, change):
    sent = body(200_000)
    s3.put_object(Bucket=bucket, Key="k", Body=sent)
    tampered(backend, bucket, "k", change=change)
    with pytest.raises((ClientError, ResponseStreamingError, OSError)):
        received = trying_once().get_object(Bucket=bucket, Key="k")["Body"].read()
        raise AssertionError(f"{len(received)} bytes came: {hashlib.sha256(received).hexdigest()}")


def test_an_object_opens_under_its_own_name_alone(s3, backend, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"of a")
    s3.put_object(Bucket=bucket, Key="b", Body=b"of b")
    tampered(backend, bucket, "a", name="c")
    with pytest.raises(ClientError, match="`box`"):
        trying_once().get_object(Bucket=bucket, Key="c")
    other = backend.head_object(Bucket=bucket, Key="b")["Metadata"]
    tampered(backend, bucket, "a", metadata=other)
    with pytest.raises(ClientError, match="`box`"):
        trying_once().get_object(Bucket=bucket, Key="a")


def test_what_is_not_sealed_is_not_handed_out(s3, bucket):
    backend_client().put_object(Bucket=bucket, Key="k", Body=b"plain")
    with pytest.raises(ClientError, match="InvalidObjectState"):
        s3.get_object(Bucket=bucket, Key="k")
