"""MinIO's client for Python: a signing code of its own, signed hashes of bodies, MD5 on request."""

import datetime
import io

import urllib3

from everyday import Everyday, Failed, LinksToRead, LinksToWrite, Metadata, Ranges
from installed import module
from surroundings import STRICT, stored_keys

minio = module("minio")
deleteobjects = module("minio.deleteobjects")
sse = module("minio.sse")


def told(call):
    """Its errors as the cases know them."""

    def wrapped(*words, **named):
        try:
            return call(*words, **named)
        except (minio.error.S3Error, minio.error.ServerError) as error:
            raise Failed(str(error)) from error

    return wrapped


class Minio:
    """The module. Each mode is a way in which the length of a body is known or not."""

    name = "minio"
    modes = ("file", "stream", "stream of unknown length")
    not_taken_literally = ()
    refused_read = "AccessDenied"
    tellable = {"who": "somebody  with spaces", "sum": "a=b&c"}

    @staticmethod
    def to(gate):
        pool = urllib3.PoolManager(ca_certs=gate.ca, cert_reqs="CERT_REQUIRED", retries=False)
        keys = {"access_key": gate.access_key, "secret_key": gate.secret_key, "region": gate.region}
        return minio.Minio(gate.address, secure=gate.secure, http_client=pool, **keys)

    @told
    def put(self, gate, bucket, key, path, mode, encrypted, metadata):
        named = {"part_size": 5 << 20, "metadata": metadata, "sse": sse.SseS3() if encrypted else None}
        if mode == "file":
            self.to(gate).fput_object(bucket, key, str(path), **named)
        else:
            body = path.read_bytes()
            length = len(body) if mode == "stream" else -1
            self.to(gate).put_object(bucket, key, io.BytesIO(body), length, **named)

    @told
    def get(self, gate, bucket, key, path):
        self.to(gate).fget_object(bucket, key, str(path))

    @told
    def part(self, gate, bucket, key, first, last):
        return self.to(gate).get_object(bucket, key, offset=first, length=last - first + 1).read()

    @told
    def keys(self, gate, bucket, prefix):
        return [found.object_name for found in self.to(gate).list_objects(bucket, prefix, recursive=True)]

    @told
    def delete(self, gate, bucket, key):
        self.to(gate).remove_object(bucket, key)

    @told
    def metadata(self, gate, bucket, key):
        kept = self.to(gate).stat_object(bucket, key).metadata
        start = "x-amz-meta-"
        return {name.lower().removeprefix(start): kept[name] for name in kept if name.lower().startswith(start)}

    def link(self, gate, bucket, key, method):
        return self.to(gate).get_presigned_url(method, bucket, key, datetime.timedelta(minutes=10))


class TestMinio(Everyday, Ranges, Metadata, LinksToRead, LinksToWrite):
    client = Minio()

    def test_objects_are_deleted_together(self, bucket, stored):
        wanted = [deleteobjects.DeleteObject(stored(key)) for key in ("a", "b & c", "d<e")]
        assert list(self.client.to(STRICT).remove_objects(bucket, wanted)) == []
        assert stored_keys(bucket) == []
