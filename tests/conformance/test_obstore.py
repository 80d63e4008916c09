"""obstore, the Rust crate `object_store`: its own signing code, on hyper and rustls."""

import contextlib
import datetime
import os
from unittest import mock

from everyday import Everyday, Failed, LinksToRead, LinksToWrite, Metadata, Ranges
from installed import module

obstore = module("obstore")
exceptions = module("obstore.exceptions")
store = module("obstore.store")


@contextlib.contextmanager
def told():
    """Its errors as the cases know them."""
    try:
        yield
    except (exceptions.BaseError, PermissionError, FileNotFoundError, OSError) as error:
        raise Failed(str(error)) from error


class Obstore:
    """The module. Each mode is a set of its options."""

    name = "obstore"
    modes = {"default": {}, "sha256": {"checksum_algorithm": "SHA256"}, "unsigned": {"unsigned_payload": True}}
    not_taken_literally = ()
    refused_read = r"403|Forbidden"
    tellable = {"who": "somebody with spaces", "sum": "a=b&c"}

    def to(self, gate, bucket, **options):
        # It reads the environment at this moment; of a CA it can be told in no other way.
        with mock.patch.dict(os.environ, {**gate.environment, "SSL_CERT_FILE": gate.ca}):
            return store.S3Store(
                bucket,
                endpoint=gate.url,
                client_options={"allow_http": True},
                retry_config={"max_retries": 0},
                **options,
            )

    def put(self, gate, bucket, key, path, mode, encrypted, metadata):
        options = {**self.modes[mode], **({"server_side_encryption": "AES256"} if encrypted else {})}
        with told():
            obstore.put(self.to(gate, bucket, **options), key, path, attributes=metadata or None, chunk_size=5 << 20)

    def get(self, gate, bucket, key, path):
        with told():
            path.write_bytes(obstore.get(self.to(gate, bucket), key).bytes())

    def part(self, gate, bucket, key, first, last):
        return bytes(obstore.get_range(self.to(gate, bucket), key, start=first, end=last + 1))

    def keys(self, gate, bucket, prefix):
        with told():
            return [found["path"] for page in obstore.list(self.to(gate, bucket), prefix or None) for found in page]

    def delete(self, gate, bucket, key):
        with told():
            obstore.delete(self.to(gate, bucket), key)

    def metadata(self, gate, bucket, key):
        return dict(obstore.get(self.to(gate, bucket), key).attributes)

    def link(self, gate, bucket, key, method):
        return obstore.sign(self.to(gate, bucket), method, key, datetime.timedelta(minutes=10))


class TestObstore(Everyday, Ranges, Metadata, LinksToRead, LinksToWrite):
    client = Obstore()
