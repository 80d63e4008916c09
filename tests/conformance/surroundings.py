"""Where the gate and its backend are, and the clients that reach them.

Clients of the gate are stock and keep their defaults: everything that they know stands in the
environment that `portcullis dev` wrote.
"""

import contextlib
import os
import shlex
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

import boto3
from botocore.config import Config

GATE_URL = os.environ["AWS_ENDPOINT_URL_S3"]
PLAIN_URL = os.environ["PORTCULLIS_HTTP_URL"]
ADMIN_URL = os.environ["PORTCULLIS_ADMIN_URL"]
BACKEND_URL = os.environ["PORTCULLIS_BACKEND_URL"]
CAPABILITIES = frozenset(os.environ["PORTCULLIS_CAPABILITIES"].split())

SSE = {"ServerSideEncryption": "AES256"}
MIB = 1024 * 1024


class Gate(NamedTuple):
    """A way in: what a client must be told that reads no environment."""

    url: str
    access_key: str
    secret_key: str
    region: str
    ca: str

    @property
    def address(self):
        """Host and port."""
        return self.url.partition("://")[2]

    @property
    def secure(self):
        return self.url.startswith("https:")

    @property
    def environment(self):
        """For clients that read the environment."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_CA_BUNDLE": self.ca,
        }


def ways_in(environment):
    """The TLS listener and the plain one of the gate that wrote this environment."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_CA_BUNDLE")
    rest = [environment[name] for name in names]
    return [Gate(environment[name], *rest) for name in ("AWS_ENDPOINT_URL_S3", "PORTCULLIS_HTTP_URL")]


def read_environment(path):
    """What a shell would export that sources `path`."""
    words = shlex.split(Path(path).read_text(encoding="utf-8"), comments=True)
    return dict(word.split("=", 1) for word in words if "=" in word)


# The gate of the seed policy, and one before the same backend that adds encryption and takes plain HTTP.
STRICT, STRICT_PLAIN = ways_in(os.environ)
ADDING, ADDING_PLAIN = ways_in(read_environment(os.environ["PORTCULLIS_ADDING_ENV"]))


def gate_client(**options):
    """A boto3 client of the gate, as a program would make it."""
    return boto3.client("s3", **options)


def backend_client():
    """A client that goes round the gate, to see what is really stored."""
    own = {name: os.environ.get(f"PORTCULLIS_BACKEND_{name}") for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "REGION")}
    return boto3.client(
        "s3",
        endpoint_url=BACKEND_URL,
        aws_access_key_id=own["ACCESS_KEY_ID"] or os.environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=own["SECRET_ACCESS_KEY"] or os.environ["AWS_SECRET_ACCESS_KEY"],
        region_name=own["REGION"] or os.environ["AWS_REGION"],
        # The form that every backend takes.
        config=Config(
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path"},
        ),
    )


@contextlib.contextmanager
def another_gate(folder, rule, endpoint, credentials, region, ca=None):
    """A gate of the test's own with one rule and no policy; gives the URL of its plain listener."""
    listener, admin = free_port(), free_port()
    (folder / "token.secret").write_text("0123456789abcdef" * 4)
    (folder / "upstream.secret").write_text(credentials[1])
    (folder / "credentials.toml").write_text(
        f"""[[credential]]
name = "tests"
account = "123456789012"
access_key_id = "{os.environ["AWS_ACCESS_KEY_ID"]}"
secret_access_key = "{os.environ["AWS_SECRET_ACCESS_KEY"]}"
"""
    )
    for secret in folder.iterdir():
        secret.chmod(0o600)
    trusted = f'ca = "{ca}"' if ca else ""
    (folder / "portcullis.toml").write_text(
        f"""token_secret = "file:token.secret"
[s3]
region = "{os.environ["AWS_REGION"]}"
[[listener]]
address = "127.0.0.1:{listener}"
[admin]
address = "127.0.0.1:{admin}"
[audit]
file = "audit.jsonl"
[credentials]
file = "credentials.toml"
[upstream]
endpoint = "{endpoint}"
region = "{region}"
access_key_id = "{credentials[0]}"
secret_access_key = "file:upstream.secret"
{trusted}
[[rule]]
buckets = ["*"]
{rule}
"""
    )
    program = [os.environ["PORTCULLIS_BIN"], "serve", "--config", str(folder / "portcullis.toml")]
    with (folder / "gate.log").open("w") as log:
        server = subprocess.Popen(program, stdout=log, stderr=log)
    try:
        wait_until_ready(f"http://127.0.0.1:{admin}/readyz", server, folder / "gate.log")
        yield f"http://127.0.0.1:{listener}"
    finally:
        server.terminate()
        server.wait(timeout=60)


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_ready(url, server, log):
    """Until the gate says that it takes requests; it must not have ended before."""
    for _ in range(300):
        assert server.poll() is None, log.read_text()
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(url, timeout=5).close()
            return
        time.sleep(0.1)
    raise TimeoutError(f"the gate is not ready: {log.read_text()}")


def aws(*words, check=True, body=None, text=True):
    """Runs the AWS CLI, with `body` as its input. With `check` it must succeed."""
    command = [str(Path(sys.executable).with_name("aws")), *map(str, words)]
    ended = subprocess.run(command, capture_output=True, input=body, text=text, timeout=300, check=False)
    assert not check or ended.returncode == 0, f"{' '.join(command)}\n{ended.stderr}"
    return ended


def open_url(request):
    """Opens a link as a program without any AWS library would, trusting the gates' CAs."""
    context = ssl.create_default_context(cafile=STRICT.ca)
    context.load_verify_locations(ADDING.ca)
    return urllib.request.urlopen(request, timeout=30, context=context)


def stored_keys(bucket):
    """What the backend holds in a bucket."""
    return [found["Key"] for found in backend_client().list_objects_v2(Bucket=bucket).get("Contents", [])]


def stored_uploads(bucket):
    """The multipart uploads that the backend holds open in a bucket."""
    return backend_client().list_multipart_uploads(Bucket=bucket).get("Uploads", [])
