"""SSE-C by the proxy's keys: the backend encrypts, clients never know, and nobody reads past the gate."""

import pytest
from botocore.exceptions import ClientError

import sidecars
from mounting import mounted
from programs import digest, rclone, restic
from sidecars import THE_BACKEND, client
from surroundings import BACKEND_FOLDER, MIB, stored_keys

RULE = 'treatment = "inject"\nsse = "SSE-C"\ncustomer_key = "file:token.secret"'

pytestmark = pytest.mark.needs("customer-keys")


@pytest.fixture(scope="module")
def keyed(tmp_path_factory):
    """A gate that writes with keys of its own."""
    with sidecars.gate(tmp_path_factory.mktemp("keyed"), THE_BACKEND, RULE) as gate:
        yield gate


@pytest.fixture
def through(keyed):
    """A stock client of it."""
    return client(keyed)


def is_unreadable(backend, bucket, key):
    """Nobody reads or looks at an object without its key, nor with another."""
    wrong = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "another key of 32 bytes, no more"}
    for read in (backend.get_object, backend.head_object):
        for with_key in ({}, wrong):
            with pytest.raises(ClientError) as refused:
                read(Bucket=bucket, Key=key, **with_key)
            assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)


@pytest.mark.parametrize("size", [0, 1024, 20 * MIB])
def test_what_is_stored_is_read_through_the_gate_alone(backend, through, bucket, file_of, tmp_path, size):
    source, copy = file_of(size), tmp_path / "copy"
    through.upload_file(str(source), bucket, "key")
    through.download_file(bucket, "key", str(copy))
    assert digest(copy) == digest(source)
    head = through.head_object(Bucket=bucket, Key="key")
    assert head["ContentLength"] == size
    assert ("-" in head["ETag"]) == (size > 8 * MIB), "it went up in parts, or in one"
    is_unreadable(backend, bucket, "key")


@pytest.mark.parametrize("size", [1024, 20 * MIB])
def test_ranges_are_read(through, bucket, file_of, size):
    source = file_of(size)
    through.upload_file(str(source), bucket, "key")
    body = source.read_bytes()
    # Across the blocks of ciphers, and across parts.
    for first, last in [(0, 0), (100, 299), (size - 1, size - 1), (size // 3, size - 2)]:
        part = through.get_object(Bucket=bucket, Key="key", Range=f"bytes={first}-{last}")
        assert part["Body"].read() == body[first : last + 1]
    assert through.get_object(Bucket=bucket, Key="key", Range="bytes=-5")["Body"].read() == body[-5:]


def test_parts_are_uploaded_by_hand(backend, through, bucket):
    upload = through.create_multipart_upload(Bucket=bucket, Key="key")["UploadId"]
    place = {"Bucket": bucket, "Key": "key", "UploadId": upload}
    bodies = [b"a" * 5 * MIB, b"the rest"]
    parts = [
        {"PartNumber": number, "ETag": through.upload_part(**place, PartNumber=number, Body=body)["ETag"]}
        for number, body in enumerate(bodies, 1)
    ]
    listed = through.list_parts(**place)["Parts"]
    assert [part["Size"] for part in listed] == [len(body) for body in bodies]
    through.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
    assert through.get_object(Bucket=bucket, Key="key")["Body"].read() == b"".join(bodies)
    is_unreadable(backend, bucket, "key")


@pytest.mark.needs("customer-key-copies")
def test_copies_bring_the_keys_of_both_sides(backend, through, bucket):
    source = {"Bucket": bucket, "Key": "key"}
    through.put_object(**source, Body=b"secret", Metadata={"who": "somebody"})
    through.copy_object(Bucket=bucket, Key="copy", CopySource=source)
    replaced = {"MetadataDirective": "REPLACE", "Metadata": {"who": "another"}}
    through.copy_object(**source, CopySource=source, **replaced)
    for key in ("key", "copy"):
        assert through.get_object(Bucket=bucket, Key=key)["Body"].read() == b"secret"
        is_unreadable(backend, bucket, key)
    assert through.head_object(**source)["Metadata"] == {"who": "another"}


@pytest.mark.needs("customer-key-copies")
def test_objects_from_before_the_rule_are_copied_under_it(backend, through, bucket):
    backend.put_object(Bucket=bucket, Key="older", Body=b"in the clear")
    through.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "older"})
    assert through.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"in the clear"
    is_unreadable(backend, bucket, "copy")


@pytest.mark.needs("customer-key-copies")
def test_a_part_is_copied(backend, through, bucket, file_of):
    source = file_of(6 * MIB)
    through.upload_file(str(source), bucket, "source")
    upload = through.create_multipart_upload(Bucket=bucket, Key="key")["UploadId"]
    place = {"Bucket": bucket, "Key": "key", "UploadId": upload}
    copied = through.upload_part_copy(**place, PartNumber=1, CopySource={"Bucket": bucket, "Key": "source"})
    part = through.upload_part(**place, PartNumber=2, Body=b"the rest")
    parts = [{"PartNumber": 1, "ETag": copied["CopyPartResult"]["ETag"]}, {"PartNumber": 2, "ETag": part["ETag"]}]
    through.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
    assert through.get_object(Bucket=bucket, Key="key")["Body"].read() == source.read_bytes() + b"the rest"
    is_unreadable(backend, bucket, "key")


def test_keys_rotate(backend, bucket, tmp_path):
    (tmp_path / "before").mkdir()
    (tmp_path / "after").mkdir()
    backend.put_object(Bucket=bucket, Key="older", Body=b"in the clear")
    with sidecars.gate(tmp_path / "before", THE_BACKEND, RULE) as gate:
        client(gate).put_object(Bucket=bucket, Key="old", Body=b"old")
    (tmp_path / "after/new.secret").write_text("fedcba9876543210" * 4)
    rotated = RULE.replace('"file:token.secret"', '["file:new.secret", "file:token.secret"]')
    with sidecars.gate(tmp_path / "after", THE_BACKEND, rotated) as gate:
        s3 = client(gate)
        s3.put_object(Bucket=bucket, Key="new", Body=b"new")
        for key, body in [("new", b"new"), ("old", b"old"), ("older", b"in the clear")]:
            assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body
            assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == len(body)


def test_rclone_never_knows(keyed, backend, bucket, file_of, tmp_path):
    source = file_of(12 * MIB)
    rclone(keyed, "copyto", source, f"gate:{bucket}/key")
    rclone(keyed, "copyto", f"gate:{bucket}/key", tmp_path / "copy")
    assert digest(tmp_path / "copy") == digest(source)
    is_unreadable(backend, bucket, "key")


def test_restic_never_knows(keyed, backend, bucket, file_of, tmp_path):
    source = file_of(3 * MIB)
    restic(keyed, bucket, "init")
    restic(keyed, bucket, "backup", source)
    restic(keyed, bucket, "restore", "latest", "--target", tmp_path)
    restic(keyed, bucket, "check", "--read-data")
    assert digest(tmp_path / source.relative_to("/")) == digest(source)
    for key in stored_keys(bucket):
        is_unreadable(backend, bucket, key)


@pytest.mark.needs("customer-key-copies")
def test_s3fs_never_knows(keyed, backend, bucket, file_of, tmp_path):
    source = file_of(25 * MIB)
    with mounted(keyed, bucket, tmp_path) as folder:
        (folder / "one").write_bytes(source.read_bytes())
        (folder / "one").rename(folder / "two")
        assert digest(folder / "two") == digest(source)
    assert stored_keys(bucket) == ["two"]
    is_unreadable(backend, bucket, "two")


@pytest.mark.needs("stored-files")
def test_what_lies_on_the_disk_is_not_the_body(backend, through, bucket):
    """The same is found where it was stored without a key, so looking for it is no idle search."""
    body = b"a line that anybody would know again\n" * 60_000

    def lies_there(key):
        files = (path for path in BACKEND_FOLDER.rglob("*") if path.is_file() and path.stat().st_size > MIB // 2)
        return any(key in path.read_bytes() for path in files)

    through.put_object(Bucket=bucket, Key="sealed", Body=body)
    assert not lies_there(body[:100_000])
    backend.put_object(Bucket=bucket, Key="plain", Body=body)
    assert lies_there(body[:100_000])
