"""Writes botocore.json: requests presigned by botocore's own HmacV1QueryAuth.

    pip install botocore==1.43.11 && python3 make.py > botocore.json
"""

import json
import random
import sys
import urllib.parse
from unittest import mock

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TOKEN = "FwoGZXIvYXdzEXAMPLE/TOKEN+=="
BASE = "s3.example.com"
NOW = 1_440_938_160
# What chooses an operation, or qualifies one, and is signed.
PARAMETERS = [
    {},
    {"acl": None},
    {"uploads": None},
    {"versionId": "3/L4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo"},
    {"partNumber": "7", "uploadId": "VXBsb2FkIElE.-_~"},
    {"response-content-disposition": 'attachment; filename="é a+b.txt"'},
    {"response-content-type": "text/plain", "response-cache-control": "no-cache", "versionId": "1"},
    {"prefix": "a/b c", "delimiter": "/", "max-keys": "10"},
    {"tagging": None, "versionId": "null"},
]
HEADERS = [
    {},
    {"x-amz-acl": "private"},
    {"x-amz-meta-name": "a value", "x-amz-meta-a": "1", "X-Amz-Storage-Class": "GLACIER"},
    {"Content-Type": "text/plain; charset=utf-8"},
    {"Content-MD5": "XUFAKrxLKna5cZ2REBfFkg==", "Content-Type": "image/png"},
    {"x-amz-server-side-encryption": "aws:kms"},
]
KEYS = ["", "key", "a/b/c", "a b+c", "über/ключ", "!*'()", "100%25", "a//b", "~tilde.-_"]


def presigned(chooser):
    parameters, headers = chooser.choice(PARAMETERS), chooser.choice(HEADERS)
    path = "/" + urllib.parse.quote(chooser.choice(KEYS), safe="/-._~")
    sent_path = "" if path == "/" else path
    is_virtual, has_token = chooser.random() < 0.5, chooser.random() < 0.3
    host, url_path = (f"bucket.{BASE}", path) if is_virtual else (BASE, f"/bucket{sent_path}")
    quoted = {name: urllib.parse.quote(value or "", safe="-._~") for name, value in parameters.items()}
    pairs = [f"{name}={value}" if value else name for name, value in quoted.items()]
    url = f"https://{host}{url_path}" + ("?" + "&".join(pairs) if pairs else "")
    request = AWSRequest(chooser.choice(["GET", "PUT", "HEAD", "DELETE", "POST"]), url, headers=dict(headers))
    request.auth_path = f"/bucket{path}"
    credentials = Credentials(KEY, SECRET, TOKEN if has_token else None)
    botocore.auth.HmacV1QueryAuth(credentials, expires=60).add_auth(request)
    target = request.url.partition(host)[2]
    return {"method": request.method, "host": host, "target": target, "has_token": has_token}


chooser = random.Random(2)
with mock.patch("time.time", return_value=NOW):
    json.dump([presigned(chooser) for _ in range(120)], sys.stdout, indent=1)
print()
