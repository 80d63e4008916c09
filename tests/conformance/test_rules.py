"""Programs that send no encryption header, and the rules that send it for them.

A second gate with a rule stands before the first, whose seed policy refuses every write without the
header: what a bucket policy at AWS would do.
"""

import hashlib
import os
import subprocess

import boto3
import pytest
from botocore.exceptions import ClientError

from installed import program
from surroundings import BACKEND_URL, GATE_URL, MIB, another_gate, aws, backend_client, stored_keys

INJECT = 'treatment = "inject"\nsse = "AES256"'
REQUIRE = 'treatment = "require"'
CUSTOMER_KEYS = 'treatment = "inject"\nsse = "SSE-C"\ncustomer_key = "file:token.secret"'


def before_the_gate(folder, rule):
    """A gate with a rule, in front of the one with the seed policy."""
    credentials = (os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    return another_gate(folder, rule, GATE_URL, credentials, os.environ["AWS_REGION"], os.environ["AWS_CA_BUNDLE"])


def before_the_backend(folder, rule):
    """A gate with a rule, in front of the backend itself."""
    own = [os.environ.get(f"PORTCULLIS_BACKEND_{name}") for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "REGION")]
    return another_gate(folder, rule, BACKEND_URL, own[:2], own[2])


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory):
    """Adds the header."""
    with before_the_gate(tmp_path_factory.mktemp("sidecar"), INJECT) as url:
        yield url


def client(url):
    """A stock client that sends no encryption header."""
    return boto3.client("s3", endpoint_url=url)


def run(name, *words, **environment):
    """Runs a program without AWS settings but those given; skips where it is not installed."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    ended = subprocess.run(
        [program(name), *map(str, words)],
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, f"{name} {' '.join(map(str, words))}\n{ended.stderr}"
    return ended.stdout


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


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
    aws("s3", "cp", source, f"s3://{bucket}/key", "--endpoint-url", sidecar)
    aws("s3", "cp", f"s3://{bucket}/key", copy, "--endpoint-url", sidecar)
    assert digest(copy) == digest(source)


def test_rclone_without_a_header(sidecar, bucket, file_of, tmp_path):
    source = file_of(12 * MIB)
    settings = {
        "RCLONE_CONFIG": "/dev/null",
        "RCLONE_CONFIG_GATE_TYPE": "s3",
        "RCLONE_CONFIG_GATE_PROVIDER": "Other",
        "RCLONE_CONFIG_GATE_ENDPOINT": sidecar,
        "RCLONE_CONFIG_GATE_REGION": os.environ["AWS_REGION"],
        "RCLONE_CONFIG_GATE_ACCESS_KEY_ID": os.environ["AWS_ACCESS_KEY_ID"],
        "RCLONE_CONFIG_GATE_SECRET_ACCESS_KEY": os.environ["AWS_SECRET_ACCESS_KEY"],
        "RCLONE_S3_UPLOAD_CUTOFF": "5M",
        "RCLONE_S3_NO_CHECK_BUCKET": "true",
    }
    run("rclone", "copyto", source, f"gate:{bucket}/key", **settings)
    run("rclone", "copyto", f"gate:{bucket}/key", tmp_path / "copy", **settings)
    assert digest(tmp_path / "copy") == digest(source)


def test_restic_without_a_header(sidecar, bucket, file_of, tmp_path):
    source = file_of(3 * MIB)
    settings = {
        "RESTIC_REPOSITORY": f"s3:{sidecar}/{bucket}/repository",
        "RESTIC_PASSWORD": "tests",
        "AWS_ACCESS_KEY_ID": os.environ["AWS_ACCESS_KEY_ID"],
        "AWS_SECRET_ACCESS_KEY": os.environ["AWS_SECRET_ACCESS_KEY"],
        "AWS_DEFAULT_REGION": os.environ["AWS_REGION"],
    }
    run("restic", "--no-cache", "init", **settings)
    run("restic", "--no-cache", "backup", source, **settings)
    run("restic", "--no-cache", "restore", "latest", "--target", tmp_path, **settings)
    run("restic", "--no-cache", "check", "--read-data", **settings)
    assert digest(tmp_path / source.relative_to("/")) == digest(source)


def test_without_the_rule_the_same_write_is_refused(bucket, tmp_path):
    with before_the_gate(tmp_path, 'treatment = "off"') as url:
        with pytest.raises(ClientError, match="AccessDenied"):
            client(url).put_object(Bucket=bucket, Key="key", Body=b"x")
    assert stored_keys(bucket) == []


def test_require_refuses_by_itself(bucket, tmp_path):
    with before_the_gate(tmp_path, REQUIRE) as url:
        with pytest.raises(ClientError, match="rule #1 denies s3:PutObject"):
            client(url).put_object(Bucket=bucket, Key="key", Body=b"x")
        client(url).put_object(Bucket=bucket, Key="key", Body=b"x", ServerSideEncryption="AES256")


@pytest.mark.needs("customer-keys")
@pytest.mark.parametrize("size", [1024, 20 * MIB])
def test_customer_keys_that_clients_never_see(backend, bucket, file_of, tmp_path, size):
    source, copy = file_of(size), tmp_path / "copy"
    with before_the_backend(tmp_path, CUSTOMER_KEYS) as url:
        s3 = client(url)
        s3.upload_file(str(source), bucket, "key")
        s3.download_file(bucket, "key", str(copy))
        assert digest(copy) == digest(source)
        assert s3.head_object(Bucket=bucket, Key="key")["ContentLength"] == size
        part = s3.get_object(Bucket=bucket, Key="key", Range="bytes=100-299")["Body"].read()
        assert part == source.read_bytes()[100:300]
    with pytest.raises(ClientError) as refused:
        backend.get_object(Bucket=bucket, Key="key")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.needs("customer-keys", "customer-key-copies")
def test_a_copy_under_customer_keys(bucket, tmp_path):
    with before_the_backend(tmp_path, CUSTOMER_KEYS) as url:
        s3 = client(url)
        s3.put_object(Bucket=bucket, Key="key", Body=b"secret")
        s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "key"})
        assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"secret"


@pytest.mark.needs("customer-keys")
def test_customer_keys_rotate(backend, bucket, tmp_path):
    (tmp_path / "before").mkdir()
    (tmp_path / "after").mkdir()
    backend.put_object(Bucket=bucket, Key="older", Body=b"in the clear")
    with before_the_backend(tmp_path / "before", CUSTOMER_KEYS) as url:
        client(url).put_object(Bucket=bucket, Key="old", Body=b"old")
    (tmp_path / "after/new.secret").write_text("fedcba9876543210" * 4)
    rotated = CUSTOMER_KEYS.replace('"file:token.secret"', '["file:new.secret", "file:token.secret"]')
    with before_the_backend(tmp_path / "after", rotated) as url:
        s3 = client(url)
        s3.put_object(Bucket=bucket, Key="new", Body=b"new")
        for key, body in [("new", b"new"), ("old", b"old"), ("older", b"in the clear")]:
            assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body
            assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == len(body)
