"""Where the gate and its backend are, and the clients that reach them.

Clients of the gate are stock and keep their defaults: everything that they know stands in the
environment that `portcullis dev` wrote.
"""

import os
import shlex
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import NamedTuple

import boto3
from botocore.config import Config

GATE_URL = os.environ["AWS_ENDPOINT_URL_S3"]
PLAIN_URL = os.environ["PORTCULLIS_HTTP_URL"]
ADMIN_URL = os.environ["PORTCULLIS_ADMIN_URL"]
BACKEND_URL = os.environ["PORTCULLIS_BACKEND_URL"]


def of_the_backend(name):
    """Its own setting, or else that of the gate which brought it along."""
    return os.environ.get(f"PORTCULLIS_BACKEND_{name}") or os.environ[f"AWS_{name}"]


BACKEND_CREDENTIALS = (of_the_backend("ACCESS_KEY_ID"), of_the_backend("SECRET_ACCESS_KEY"))
BACKEND_REGION = of_the_backend("REGION")
# Where the backend keeps what it stores.
BACKEND_FOLDER = Path(os.environ["PORTCULLIS_BACKEND_FOLDER"])
# What `[upstream] backend` calls it; None: nothing.
BACKEND_KIND = os.environ.get("PORTCULLIS_BACKEND_KIND")
# Whoever sets it has the time for bodies of hundreds of megabytes.
LARGE_TOO = "PORTCULLIS_LARGE" in os.environ
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
# One before the same backend that seals, and demands TLS.
SEALING_ENV = read_environment(os.environ["PORTCULLIS_SEALING_ENV"])
SEALING, SEALING_PLAIN = ways_in(SEALING_ENV)


def gate_client(**options):
    """A boto3 client of the gate, as a program would make it."""
    return boto3.client("s3", **options)


def sealing_client(**options):
    """A boto3 client of the gate that seals."""
    return boto3.client(
        "s3",
        endpoint_url=SEALING.url,
        verify=SEALING.ca,
        region_name=SEALING.region,
        aws_access_key_id=SEALING.access_key,
        aws_secret_access_key=SEALING.secret_key,
        **options,
    )


def backend_client():
    """A client that goes round the gate, to see what is really stored."""
    return boto3.client(
        "s3",
        endpoint_url=BACKEND_URL,
        aws_access_key_id=BACKEND_CREDENTIALS[0],
        aws_secret_access_key=BACKEND_CREDENTIALS[1],
        region_name=BACKEND_REGION,
        # The form that every backend takes.
        config=Config(
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path"},
        ),
    )


def aws(*words, check=True, body=None, text=True, gate=STRICT):
    """Runs the AWS CLI, with `body` as its input. With `check` it must succeed."""
    command = [str(Path(sys.executable).with_name("aws")), *map(str, words)]
    env = {**os.environ, **gate.environment}
    ended = subprocess.run(command, capture_output=True, input=body, text=text, env=env, timeout=300, check=False)
    assert not check or ended.returncode == 0, f"{' '.join(command)}\n{ended.stderr}"
    return ended


def open_url(request):
    """Opens a link as a program without any AWS library would, trusting the gates' CAs."""
    context = ssl.create_default_context(cafile=STRICT.ca)
    context.load_verify_locations(ADDING.ca)
    context.load_verify_locations(SEALING.ca)
    return urllib.request.urlopen(request, timeout=30, context=context)


def started(*words, stdout=subprocess.PIPE):
    """A command of the program that runs, with the configuration of the gate that seals."""
    command = [os.environ["PORTCULLIS_BIN"], *map(str, words)]
    names = ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "REGION")
    # The gate's configuration takes the backend's credential from the environment.
    own = {f"AWS_{it}": os.environ.get(f"PORTCULLIS_BACKEND_{it}") or os.environ[f"AWS_{it}"] for it in names}
    env = {"PATH": os.environ["PATH"], **SEALING_ENV, **own}
    return subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, text=True, env=env)


def portcullis(*words):
    """A command of the program that ends, likewise."""
    with started(*words) as command:
        told, complained = command.communicate(timeout=300)
    return subprocess.CompletedProcess(command.args, command.returncode, told, complained)


def stored_keys(bucket):
    """What the backend holds in a bucket."""
    return [found["Key"] for found in backend_client().list_objects_v2(Bucket=bucket).get("Contents", [])]


def stored_uploads(bucket):
    """The multipart uploads that the backend holds open in a bucket."""
    return backend_client().list_multipart_uploads(Bucket=bucket).get("Uploads", [])
