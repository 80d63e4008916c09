"""Where the gate and its backend are, and the clients that reach them.

Clients of the gate are stock and keep their defaults: everything that they know stands in the
environment that `portcullis dev` wrote.
"""

import os
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config

GATE_URL = os.environ["AWS_ENDPOINT_URL_S3"]
PLAIN_URL = os.environ["PORTCULLIS_HTTP_URL"]
ADMIN_URL = os.environ["PORTCULLIS_ADMIN_URL"]
BACKEND_URL = os.environ["PORTCULLIS_BACKEND_URL"]
CAPABILITIES = frozenset(os.environ["PORTCULLIS_CAPABILITIES"].split())

SSE = {"ServerSideEncryption": "AES256"}
MIB = 1024 * 1024


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


def aws(*words, check=True, body=None, text=True):
    """Runs the AWS CLI, with `body` as its input. With `check` it must succeed."""
    command = [str(Path(sys.executable).with_name("aws")), *map(str, words)]
    ended = subprocess.run(command, capture_output=True, input=body, text=text, timeout=300, check=False)
    assert not check or ended.returncode == 0, f"{' '.join(command)}\n{ended.stderr}"
    return ended


def open_url(request):
    """Opens a link as a program without any AWS library would, trusting the gate's CA."""
    context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
    return urllib.request.urlopen(request, timeout=30, context=context)


def stored_keys(bucket):
    """What the backend holds in a bucket."""
    return [found["Key"] for found in backend_client().list_objects_v2(Bucket=bucket).get("Contents", [])]


def stored_uploads(bucket):
    """The multipart uploads that the backend holds open in a bucket."""
    return backend_client().list_multipart_uploads(Bucket=bucket).get("Uploads", [])
