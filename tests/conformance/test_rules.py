"""Programs that send no encryption header, and the rules that send it for them.

A second gate with a rule stands before the first, whose seed policy refuses every write without the
header: what a bucket policy at AWS would do.
"""

import pytest
from botocore.exceptions import ClientError

import sidecars
from mounting import mounted
from programs import digest, rclone, restic
from sidecars import THE_GATE, client
from surroundings import MIB, aws, stored_keys

INJECT = 'treatment = "inject"\nsse = "AES256"'
REQUIRE = 'treatment = "require"'


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory):
    """Adds the header."""
    with sidecars.gate(tmp_path_factory.mktemp("sidecar"), THE_GATE, INJECT) as gate:
        yield gate


@pytest.mark.parametrize("size", [1024, 64 * MIB])
def test_boto3_uploads_without_a_header(sidecar, bucket, file_of, tmp_path, size):
    source, copy = file_of(size), tmp_path / "copy"
    client(sidecar).upload_file(str(source), bucket, "key")
    client(sidecar).download_file(bucket, "key", str(copy))
    assert digest(copy) == digest(source)


@pytest.mark.needs("sse-echo")
def test_what_was_added_is_stored_and_shown(sidecar, backend, bucket):
    assert client(sidecar).put_object(Bucket=bucket, Key="key", Body=b"x")["ServerSideEncryption"] == "AES256"
    assert backend.head_object(Bucket=bucket, Key="key")["ServerSideEncryption"] == "AES256"


def test_a_copy_without_a_header(sidecar, bucket, stored):
    client(sidecar).copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": stored("source")})
    assert stored_keys(bucket) == ["copy", "source"]


def test_the_cli_without_a_header(sidecar, bucket, file_of, tmp_path):
    source, copy = file_of(20 * MIB), tmp_path / "copy"
    aws("s3", "cp", source, f"s3://{bucket}/key", "--endpoint-url", sidecar.url)
    aws("s3", "cp", f"s3://{bucket}/key", copy, "--endpoint-url", sidecar.url)
    assert digest(copy) == digest(source)


def test_rclone_without_a_header(sidecar, bucket, file_of, tmp_path):
    source = file_of(12 * MIB)
    rclone(sidecar, "copyto", source, f"gate:{bucket}/key")
    rclone(sidecar, "copyto", f"gate:{bucket}/key", tmp_path / "copy")
    assert digest(tmp_path / "copy") == digest(source)


def test_restic_without_a_header(sidecar, bucket, file_of, tmp_path):
    source = file_of(3 * MIB)
    restic(sidecar, bucket, "init")
    restic(sidecar, bucket, "backup", source)
    restic(sidecar, bucket, "restore", "latest", "--target", tmp_path)
    restic(sidecar, bucket, "check", "--read-data")
    assert digest(tmp_path / source.relative_to("/")) == digest(source)


@pytest.mark.parametrize("size", [1000, 25 * MIB])
def test_s3fs_without_a_header(sidecar, s3, bucket, file_of, tmp_path, size):
    source = file_of(size)
    with mounted(sidecar, bucket, tmp_path) as folder:
        (folder / "one").write_bytes(source.read_bytes())
        (folder / "one").rename(folder / "two")
        assert digest(folder / "two") == digest(source)
    assert stored_keys(bucket) == ["two"]
    assert s3.get_object(Bucket=bucket, Key="two")["Body"].read() == source.read_bytes()


def test_without_the_rule_the_same_write_is_refused(bucket, tmp_path):
    with sidecars.gate(tmp_path, THE_GATE, 'treatment = "off"') as gate:
        with pytest.raises(ClientError, match="AccessDenied"):
            client(gate).put_object(Bucket=bucket, Key="key", Body=b"x")
    assert stored_keys(bucket) == []


def test_require_refuses_by_itself(bucket, tmp_path):
    with sidecars.gate(tmp_path, THE_GATE, REQUIRE) as gate:
        with pytest.raises(ClientError, match="rule #1 denies s3:PutObject"):
            client(gate).put_object(Bucket=bucket, Key="key", Body=b"x")
        client(gate).put_object(Bucket=bucket, Key="key", Body=b"x", ServerSideEncryption="AES256")
