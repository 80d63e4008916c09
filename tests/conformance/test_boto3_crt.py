"""boto3 where AWS's library in C (the CRT) is installed: it signs and sums with it, in every mode of checksums,
and transfers with it where told to. The other suites run as if it were not there."""

import boto3
import botocore.session
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from boto3.exceptions import Boto3Error

from everyday import Everyday, Failed, LinksToRead, LinksToWrite, Metadata, Ranges
from installed import module
from surroundings import MIB, STRICT

crt = module("s3transfer.crt")
awscrt_exceptions = module("awscrt.exceptions")


def told(call):
    """Its errors as the cases know them."""

    def wrapped(*words):
        try:
            return call(*words)
        except (Boto3Error, BotoCoreError, ClientError, awscrt_exceptions.AwsCrtError) as error:
            raise Failed(str(error)) from error

    return wrapped


class Boto3:
    """The classic client. Each mode is a setting of checksums, and an algorithm."""

    name = "boto3"
    modes = {
        "when_supported": {},
        "when_required": {"request_checksum_calculation": "when_required"},
        **{name: {"ChecksumAlgorithm": name} for name in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")},
    }
    not_taken_literally = ()
    refused_read = "403"
    tellable = {"who": "somebody  with spaces", "sum": "a=b&c"}

    @staticmethod
    def to(gate, **settings):
        # Another region than us-east-1, so that links are signed with SigV4.
        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, **settings)
        return boto3.client(
            "s3",
            endpoint_url=gate.url,
            aws_access_key_id=gate.access_key,
            aws_secret_access_key=gate.secret_key,
            region_name=gate.region,
            verify=gate.ca,
            config=config,
        )

    @told
    def put(self, gate, bucket, key, path, mode, encrypted, metadata):
        extra, settings = {"Metadata": metadata}, {}
        for name, value in self.modes[mode].items():
            (extra if name == "ChecksumAlgorithm" else settings)[name] = value
        if encrypted:
            extra["ServerSideEncryption"] = "AES256"
        self.send(self.to(gate, **settings), gate, (bucket, key), str(path), extra)

    def send(self, client, gate, place, path, extra):
        parts = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, preferred_transfer_client="classic")
        client.upload_file(path, *place, ExtraArgs=extra, Config=parts)

    @told
    def get(self, gate, bucket, key, path):
        self.to(gate).download_file(bucket, key, str(path))

    @told
    def part(self, gate, bucket, key, first, last):
        return self.to(gate).get_object(Bucket=bucket, Key=key, Range=f"bytes={first}-{last}")["Body"].read()

    @told
    def keys(self, gate, bucket, prefix):
        pages = self.to(gate).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    @told
    def delete(self, gate, bucket, key):
        self.to(gate).delete_object(Bucket=bucket, Key=key)

    @told
    def metadata(self, gate, bucket, key):
        return self.to(gate).head_object(Bucket=bucket, Key=key)["Metadata"]

    def link(self, gate, bucket, key, method):
        operation = {"GET": "get_object", "PUT": "put_object"}[method]
        return self.to(gate).generate_presigned_url(operation, Params={"Bucket": bucket, "Key": key})


class Boto3Crt(Boto3):
    """The same through the CRT: framed bodies of known length, upper-case chunk sizes, no Expect."""

    name = "boto3 with CRT"
    modes = {"default": {}, **{name: {"ChecksumAlgorithm": name} for name in ("CRC32C", "CRC64NVME", "SHA1", "SHA256")}}
    refused_read = r"403|AccessDenied|HEAD|INVALID_RESPONSE_STATUS"

    @staticmethod
    def manager(client, gate):
        keys = botocore.session.get_session()
        keys.set_credentials(gate.access_key, gate.secret_key)
        native = crt.create_s3_crt_client(
            gate.region,
            crt.BotocoreCRTCredentialsWrapper(keys.get_credentials()).to_crt_credentials_provider(),
            part_size=5 * MIB,
            use_ssl=gate.secure,
            verify=gate.ca if gate.secure else None,
        )
        settings = {"endpoint_url": gate.url, "region_name": gate.region, "config": client.meta.config}
        return crt.CRTTransferManager(native, crt.BotocoreCRTRequestSerializer(keys, settings))

    def send(self, client, gate, place, path, extra):
        bucket, key = place
        with self.manager(client, gate) as manager:
            manager.upload(path, bucket, key, extra).result()

    @told
    def get(self, gate, bucket, key, path):
        with self.manager(self.to(gate), gate) as manager:
            manager.download(bucket, key, str(path)).result()


class TestBoto3(Everyday, Ranges, Metadata, LinksToRead, LinksToWrite):
    client = Boto3()

    @pytest.mark.parametrize("settings", [{}, {"response_checksum_validation": "when_required"}])
    def test_reading_validates_or_not(self, bucket, stored, settings):
        client = self.client.to(STRICT, **settings)
        got = client.get_object(Bucket=bucket, Key=stored("k", b"checked"), ChecksumMode="ENABLED")
        assert got["Body"].read() == b"checked"


class TestBoto3Crt(Everyday):
    client = Boto3Crt()
