"""The AWS CLI, as people use it: everything works with `--sse AES256`."""

import filecmp
import os
import uuid

import pytest

from surroundings import MIB, aws, open_url, stored_keys


def test_buckets_are_made_listed_and_removed():
    name = f"conformance-{uuid.uuid4().hex[:16]}"
    aws("s3", "mb", f"s3://{name}")
    assert name in aws("s3", "ls").stdout
    aws("s3", "rb", f"s3://{name}")
    assert name not in aws("s3", "ls").stdout


@pytest.mark.parametrize("size", [0, 1, MIB, 100 * MIB])
def test_a_file_goes_up_and_comes_down_as_it_was(bucket, file_of, tmp_path, size):
    up, down = file_of(size), tmp_path / "down.bin"
    aws("s3", "cp", up, f"s3://{bucket}/a/b.bin", "--sse", "AES256")
    aws("s3", "cp", f"s3://{bucket}/a/b.bin", down)
    assert filecmp.cmp(up, down, shallow=False)


@pytest.mark.parametrize("key", ["with space + plus", "per%cent%2F", "käse/日本", "a~b'(c)!*;=&$@,:", "a//b"])
def test_a_key_is_taken_literally(bucket, file_of, tmp_path, key):
    up, down = file_of(1), tmp_path / "down.bin"
    aws("s3api", "put-object", "--bucket", bucket, "--key", key, "--body", up, "--server-side-encryption", "AES256")
    assert stored_keys(bucket) == [key]
    aws("s3api", "get-object", "--bucket", bucket, "--key", key, down)
    assert filecmp.cmp(up, down, shallow=False)


def test_a_stream_goes_up_and_comes_down(bucket, file_of, tmp_path):
    body = file_of(MIB).read_bytes()
    aws("s3", "cp", "-", f"s3://{bucket}/s", "--sse", "AES256", body=body, text=False)
    assert aws("s3", "cp", f"s3://{bucket}/s", "-", text=False).stdout == body


def test_sync_moves_what_differs_and_then_nothing(bucket, file_of, tmp_path):
    here, back = tmp_path / "here", tmp_path / "back"
    for name, size in {"one": 1, "sub/two": 1000, "sub/deep/three": MIB}.items():
        path = here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file_of(size).read_bytes())
        # A listing tells whole seconds: a file of this very second would look newer than its copy.
        os.utime(path, (0, 0))
    up = ("s3", "sync", here, f"s3://{bucket}/tree", "--sse", "AES256")
    down = ("s3", "sync", f"s3://{bucket}/tree", back)
    assert aws(*up).stdout.count("upload:") == 3
    assert aws(*up).stdout == ""
    assert aws(*down).stdout.count("download:") == 3
    assert aws(*down).stdout == ""
    for name in ("one", "sub/two", "sub/deep/three"):
        assert filecmp.cmp(here / name, back / name, shallow=False)


def test_ls_tells_names_and_sizes(bucket, stored):
    stored("a.txt", b"12345")
    stored("folder/b.txt", b"1")
    listed = aws("s3", "ls", f"s3://{bucket}/").stdout.splitlines()
    assert [line.split()[-2:] for line in listed] == [["PRE", "folder/"], ["5", "a.txt"]]
    summary = aws("s3", "ls", f"s3://{bucket}/", "--recursive", "--summarize").stdout
    assert "Total Objects: 2" in summary and "Total Size: 6" in summary


def test_rm_removes_one_or_all(bucket, stored):
    for key in ("a", "b/1", "b/2", "b/c/3"):
        stored(key)
    aws("s3", "rm", f"s3://{bucket}/a")
    assert stored_keys(bucket) == ["b/1", "b/2", "b/c/3"]
    aws("s3", "rm", f"s3://{bucket}/b", "--recursive")
    assert stored_keys(bucket) == []


def test_rb_refuses_a_bucket_that_is_not_empty(bucket, stored):
    stored()
    ended = aws("s3", "rb", f"s3://{bucket}", check=False)
    assert ended.returncode != 0 and stored_keys(bucket) == ["hello.txt"]


def test_mv_copies_with_sse_and_removes_the_source(bucket, stored):
    stored("old", b"moved")
    aws("s3", "mv", f"s3://{bucket}/old", f"s3://{bucket}/new", "--sse", "AES256")
    assert stored_keys(bucket) == ["new"]


def test_a_presigned_url_needs_no_credentials(bucket, stored):
    stored("shared.txt", b"for all who have the link")
    url = aws("s3", "presign", f"s3://{bucket}/shared.txt").stdout.strip()
    with open_url(url) as answer:
        assert answer.read() == b"for all who have the link"
