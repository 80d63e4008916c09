"""s3fs: a bucket as a file system, by FUSE. Everything that it changes it copies onto itself."""

import contextlib

import pytest

from installed import program
from mounting import mounted as mount
from surroundings import ADDING, MIB, STRICT, stored_keys

program("s3fs")


@pytest.fixture
def mounted(bucket, tmp_path):
    """Mounts the bucket through a gate, with further options."""
    with contextlib.ExitStack() as mounts:
        yield lambda gate, *further: mounts.enter_context(mount(gate, bucket, tmp_path, *further))


# For a file that it has already created, s3fs begins an upload in parts without its header of
# encryption, unless it is told not to mix in copies.
ENCRYPTED = (STRICT, "use_sse", "nomixupload")
ADDED = (ADDING,)
# And it encrypts copies only where the backend tells that the source is encrypted.
BY_COPY = [pytest.param(ENCRYPTED, marks=pytest.mark.needs("sse-echo"), id="encrypted"), pytest.param(ADDED, id="added")]


@pytest.mark.parametrize("how", [ENCRYPTED, ADDED], ids=["encrypted", "added"])
@pytest.mark.parametrize("size", [0, 1000, 25 * MIB + 1])
def test_a_file_is_written_and_read(s3, bucket, mounted, file_of, size, how):
    folder, body = mounted(*how), file_of(size).read_bytes()
    (folder / "with space + plus").write_bytes(body)
    assert s3.get_object(Bucket=bucket, Key="with space + plus")["Body"].read() == body
    assert (folder / "with space + plus").read_bytes() == body


def test_part_of_a_file_is_read(mounted, stored):
    stored("k", bytes(range(256)) * 4096)
    with (mounted(*ENCRYPTED) / "k").open("rb") as file:
        file.seek(1_000_000)
        assert file.read(16) == (bytes(range(256)) * 4096)[1_000_000:1_000_016]


@pytest.mark.parametrize("how", BY_COPY)
def test_files_are_listed_renamed_and_removed(bucket, mounted, stored, how):
    stored("one")
    stored("two")
    folder = mounted(*how)
    assert sorted(path.name for path in folder.iterdir()) == ["one", "two"]
    (folder / "one").rename(folder / "three")
    (folder / "two").unlink()
    assert stored_keys(bucket) == ["three"]
    assert (folder / "three").read_bytes() == b"hello"


def test_a_folder_is_made_and_filled(bucket, mounted):
    folder = mounted(*ENCRYPTED)
    (folder / "sub").mkdir()
    (folder / "sub" / "käse.txt").write_text("in it")
    assert sorted(stored_keys(bucket)) == ["sub/", "sub/käse.txt"]


@pytest.mark.parametrize("how", BY_COPY)
def test_a_mode_is_kept(mounted, how):
    path = mounted(*how) / "k"
    path.write_text("x")
    path.chmod(0o600)
    assert path.stat().st_mode & 0o777 == 0o600


def test_without_encryption_a_write_fails(bucket, mounted):
    with pytest.raises(OSError):
        (mounted(STRICT) / "k").write_text("x")
    assert stored_keys(bucket) == []
