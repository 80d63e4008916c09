"""What every S3 client is asked to do through the gates, whatever its language.

A suite is a class of these cases (`Everyday`, and those of `Ranges`, `Metadata`, `LinksToRead` and
`LinksToWrite` that the client can do) with an adapter as its `client`:

- `modes`: the ways in which the client can send a body, by name: checksums, signing, framing;
- `put(gate, bucket, key, path, mode, encrypted, metadata)`, with parts of 5 MiB;
- `get(gate, bucket, key, path)`, `keys(gate, bucket, prefix)`, `delete(gate, bucket, key)`;
- as far as it can: `part(gate, bucket, key, first, last)`, `metadata(gate, bucket, key)`,
  `link(gate, bucket, key, method)`.

An adapter raises `Failed` with the client's own words. `strict` is the gate of the seed policy over
TLS, `strict_plain` the same over plain HTTP, and `adding` one that adds what the policy wants and
lets plain HTTP in.
"""

import os
import subprocess
import urllib.error
import urllib.request

import pytest

from sealed import is_sealed
from surroundings import (
    ADDING,
    ADDING_PLAIN,
    CAPABILITIES,
    LARGE_TOO,
    MIB,
    SEALING,
    STRICT,
    STRICT_PLAIN,
    open_url,
    sealing_client,
    stored_keys,
    stored_uploads,
)

ODD_KEYS = [
    "with space + plus",
    "per%cent%2F",
    "käse/日本.txt",
    "a~b'(c)!*;=&$@,:",
    'q"uote<&>.xml',
    "#hash?query=1",
    "a/b/c/deep.tar.gz",
]


# More than two parts of 5 MiB.
LARGE = 12 * MIB + 1
# With the borders of what is sent in parts, and of sealed parts whose stored size leaves two readings.
SEALED_SIZES = [0, 1000, 3 * MIB + 17, 5 * MIB - 32, 5 * MIB, 5 * MIB + 1, LARGE]
if LARGE_TOO:
    SEALED_SIZES += [64 * MIB, 300 * MIB]
# In the words of most clients.
REFUSED = r"AccessDenied|Access Denied|\b403\b|[Ff]orbidden"


class Failed(Exception):
    """A client that gave up; its text is what it told its user."""


def run(words, env=None, body=None):
    """Runs a client's program to its end and gives its output."""
    # Nothing but what the adapter says: no settings of a user, none of the environment of the gate.
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [str(word) for word in words]
    env = {**kept, "LC_ALL": "C.UTF-8", **(env or {})}
    ended = subprocess.run(command, capture_output=True, input=body, env=env, timeout=300, check=False)
    told = ended.stderr.decode(errors="replace") + ended.stdout.decode(errors="replace")
    if ended.returncode != 0:
        raise Failed(f"{' '.join(command)}\n{told}")
    return ended.stdout


class Everyday:
    """What every client can do."""

    client = None

    def up(self, bucket, key, path, *, gate=STRICT, mode=None, encrypted=True, metadata=None):
        self.client.put(gate, bucket, key, path, mode or next(iter(self.client.modes)), encrypted, metadata or {})

    def down(self, bucket, key, folder, gate=STRICT):
        path = folder / "down"
        path.unlink(missing_ok=True)
        self.client.get(gate, bucket, key, path)
        return path.read_bytes()

    def test_a_file_goes_up_and_comes_down_as_it_was(self, bucket, file_of, tmp_path, mode):
        for size in (0, 1000, 3 * MIB + 17):
            self.up(bucket, f"a/{size}", file_of(size), mode=mode)
            assert self.down(bucket, f"a/{size}", tmp_path) == file_of(size).read_bytes(), size

    def test_a_large_file_goes_up_in_parts(self, backend, bucket, file_of, tmp_path, mode):
        self.up(bucket, "large", file_of(LARGE), mode=mode)
        assert self.down(bucket, "large", tmp_path) == file_of(LARGE).read_bytes()
        assert "-" in backend.head_object(Bucket=bucket, Key="large")["ETag"]
        assert stored_uploads(bucket) == []

    def test_an_object_is_overwritten(self, bucket, file_of, tmp_path):
        for size in (10, 20):
            self.up(bucket, "k", file_of(size))
        assert self.down(bucket, "k", tmp_path) == file_of(20).read_bytes()

    @pytest.mark.parametrize("size", SEALED_SIZES)
    def test_a_sealed_file_comes_back_as_it_was(self, backend, bucket, file_of, tmp_path, size):
        self.up(bucket, "a/sealed", file_of(size), gate=SEALING, encrypted=False)
        plain = file_of(size).read_bytes()
        assert self.down(bucket, "a/sealed", tmp_path, gate=SEALING) == plain
        (listed,) = sealing_client().list_objects_v2(Bucket=bucket)["Contents"]
        assert listed["Size"] == size
        is_sealed(backend.get_object(Bucket=bucket, Key="a/sealed")["Body"].read(), plain)
        self.client.delete(SEALING, bucket, "a/sealed")
        assert stored_keys(bucket) == []

    @pytest.mark.parametrize("key", ODD_KEYS)
    def test_a_key_is_taken_literally(self, bucket, file_of, tmp_path, key):
        if key in self.client.not_taken_literally:
            pytest.skip(f"{self.client.name} has another idea of this key than S3")
        self.up(bucket, key, file_of(33))
        assert stored_keys(bucket) == [key]
        assert self.client.keys(STRICT, bucket, "") == [key]
        assert self.down(bucket, key, tmp_path) == file_of(33).read_bytes()
        self.client.delete(STRICT, bucket, key)
        assert stored_keys(bucket) == []

    def test_a_listing_goes_by_prefix(self, bucket, stored):
        for key in ("x/1", "x/y + z/2", "other"):
            stored(key)
        assert self.client.keys(STRICT, bucket, "x/") == ["x/1", "x/y + z/2"]

    @pytest.mark.parametrize("size", [10, 12 * MIB])
    def test_without_encryption_nothing_is_stored(self, bucket, file_of, size):
        with pytest.raises(Failed, match=REFUSED):
            self.up(bucket, "k", file_of(size), encrypted=False)
        assert stored_keys(bucket) == [] and stored_uploads(bucket) == []

    def test_nothing_travels_in_the_clear(self, bucket, stored, file_of, tmp_path):
        stored("there")
        with pytest.raises(Failed, match=REFUSED):
            self.up(bucket, "k", file_of(10), gate=STRICT_PLAIN)
        with pytest.raises(Failed, match=self.client.refused_read):
            self.down(bucket, "there", tmp_path, gate=STRICT_PLAIN)
        assert stored_keys(bucket) == ["there"]

    @pytest.mark.parametrize("size", [1000, LARGE])
    def test_over_plain_http_what_is_wanted_is_added(self, backend, bucket, file_of, tmp_path, mode, size):
        self.up(bucket, "k", file_of(size), gate=ADDING_PLAIN, mode=mode, encrypted=False)
        assert self.down(bucket, "k", tmp_path, gate=ADDING_PLAIN) == file_of(size).read_bytes()
        if "sse-echo" in CAPABILITIES:
            assert backend.head_object(Bucket=bucket, Key="k")["ServerSideEncryption"] == "AES256"

    def test_over_tls_what_is_wanted_is_added(self, backend, bucket, file_of, tmp_path):
        self.up(bucket, "k", file_of(1000), gate=ADDING, encrypted=False)
        assert self.down(bucket, "k", tmp_path, gate=ADDING) == file_of(1000).read_bytes()
        if "sse-echo" in CAPABILITIES:
            assert backend.head_object(Bucket=bucket, Key="k")["ServerSideEncryption"] == "AES256"


class Ranges:
    """Clients that read part of an object."""

    @pytest.mark.parametrize(("first", "last"), [(0, 0), (2, 4), (7, 9)])
    def test_a_part_is_read(self, bucket, stored, first, last):
        stored("k", b"0123456789")
        assert self.client.part(STRICT, bucket, "k", first, last) == b"0123456789"[first : last + 1]


class Metadata:
    """Clients that store metadata of the caller's choice."""

    def test_metadata_is_kept(self, backend, bucket, file_of):
        told = self.client.tellable
        self.up(bucket, "k", file_of(10), metadata=told)
        assert self.client.metadata(STRICT, bucket, "k").items() >= told.items()
        if all(value.isascii() for value in told.values()):
            assert backend.head_object(Bucket=bucket, Key="k")["Metadata"].items() >= told.items()


class LinksToRead:
    """Clients that make links for others."""

    @pytest.mark.parametrize("key", ["plain.txt", "with space + plus/ä"])
    def test_a_link_reads(self, bucket, stored, key):
        stored(key, b"behind a link")
        with open_url(self.client.link(STRICT, bucket, key, "GET")) as answer:
            assert answer.read() == b"behind a link"

    def test_a_link_in_the_clear_is_refused(self, bucket, stored):
        stored("k")
        # Some look at the object before they make a link to it.
        with pytest.raises((urllib.error.HTTPError, Failed), match="403"):
            open_url(self.client.link(STRICT_PLAIN, bucket, "k", "GET"))


class LinksToWrite:
    """Clients that make links for others to upload by, without a header of encryption."""

    def send(self, gate, bucket, **headers):
        url = self.client.link(gate, bucket, "k", "PUT")
        # Without a type of its own, urllib calls every body a form, and some backends believe it.
        headers = {"content-type": "application/octet-stream", **headers}
        return open_url(urllib.request.Request(url, data=b"by link", method="PUT", headers=headers))

    @pytest.mark.parametrize("headers", [{}, {"x-amz-server-side-encryption": "AES256"}], ids=["bare", "unsigned header"])
    def test_a_link_without_encryption_writes_nothing(self, bucket, headers):
        with pytest.raises(urllib.error.HTTPError) as caught:
            self.send(STRICT, bucket, **headers)
        assert caught.value.code == 403 and stored_keys(bucket) == []

    def test_a_link_writes_where_encryption_is_added(self, s3, bucket):
        with self.send(ADDING, bucket) as answer:
            assert answer.status == 200
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"by link"
