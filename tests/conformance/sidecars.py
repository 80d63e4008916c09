"""Gates of a test's own, each with one rule, before the gate of the seed policy or the backend itself."""

import contextlib
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

import boto3

from surroundings import BACKEND_CREDENTIALS, BACKEND_REGION, BACKEND_URL, STRICT, Gate

PROGRAM = os.environ["PORTCULLIS_BIN"]


class Target(NamedTuple):
    """What a gate stands before."""

    endpoint: str
    access_key: str
    secret_key: str
    region: str
    ca: str | None = None


THE_GATE = Target(STRICT.url, STRICT.access_key, STRICT.secret_key, STRICT.region, STRICT.ca)
THE_BACKEND = Target(BACKEND_URL, *BACKEND_CREDENTIALS, BACKEND_REGION)


@contextlib.contextmanager
def gate(folder, target, rule, upstream=""):
    """Starts a gate with one rule, no policy, and further lines of `[upstream]`; gives its way in."""
    listener, admin = free_port(), free_port()
    path = configure(folder, target, rule, upstream, listener, admin)
    with (folder / "gate.log").open("w") as log:
        server = subprocess.Popen([PROGRAM, "serve", "--config", str(path)], stdout=log, stderr=log)
    try:
        wait_until_ready(f"http://127.0.0.1:{admin}/readyz", server, folder / "gate.log")
        yield Gate(f"http://127.0.0.1:{listener}", STRICT.access_key, STRICT.secret_key, STRICT.region, "")
    finally:
        server.terminate()
        server.wait(timeout=60)


def configure(folder, target, rule, upstream="", listener=0, admin=0):
    """Writes the configuration of such a gate; gives its path."""
    (folder / "token.secret").write_text("0123456789abcdef" * 4)
    (folder / "upstream.secret").write_text(target.secret_key)
    (folder / "credentials.toml").write_text(
        f"""[[credential]]
name = "tests"
account = "123456789012"
access_key_id = "{STRICT.access_key}"
secret_access_key = "{STRICT.secret_key}"
"""
    )
    for secret in filter(Path.is_file, folder.iterdir()):
        secret.chmod(0o600)
    trusted = f'ca = "{target.ca}"' if target.ca else ""
    path = folder / "portcullis.toml"
    path.write_text(
        f"""token_secret = "file:token.secret"
[s3]
region = "{STRICT.region}"
[[listener]]
address = "127.0.0.1:{listener}"
[admin]
address = "127.0.0.1:{admin}"
[audit]
file = "audit.jsonl"
[credentials]
file = "credentials.toml"
[upstream]
endpoint = "{target.endpoint}"
region = "{target.region}"
access_key_id = "{target.access_key}"
secret_access_key = "file:upstream.secret"
{trusted}
{upstream}
[[rule]]
buckets = ["*"]
{rule}
"""
    )
    return path


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


def client(gate):
    """A stock client that sends no encryption header."""
    return boto3.client("s3", endpoint_url=gate.url)
