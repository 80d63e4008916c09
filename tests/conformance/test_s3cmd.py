"""s3cmd: MD5 sums in Content-MD5 and compared with ETags, its own metadata, multipart by itself."""

import pytest

from everyday import LARGE, Everyday, LinksToRead, run
from installed import program
from surroundings import SEALING, STRICT

S3CMD = program("s3cmd")


class S3cmd:
    """The program, configured by its flags alone."""

    name = "s3cmd"
    modes = {"default": [], "no-preserve": ["--no-preserve"], "no-md5": ["--no-check-md5", "--no-preserve"]}
    not_taken_literally = ()
    refused_read = r"403|Forbidden"

    def run(self, gate, *words):
        flags = [
            "--config=/dev/null",
            f"--access_key={gate.access_key}",
            f"--secret_key={gate.secret_key}",
            f"--host={gate.address}",
            f"--host-bucket={gate.address}",
            f"--region={gate.region}",
            "--no-progress",
            "--no-mime-magic",
            "--max-retries=1",
            "--multipart-chunk-size-mb=5",
        ]
        return run([S3CMD, *flags, *(["--ssl", f"--ca-certs={gate.ca}"] if gate.secure else ["--no-ssl"]), *words])

    def put(self, gate, bucket, key, path, mode, encrypted, metadata):
        flags = [*self.modes[mode], *(["--server-side-encryption"] if encrypted else [])]
        flags += [f"--add-header=x-amz-meta-{name}:{value}" for name, value in metadata.items()]
        self.run(gate, "put", *flags, path, f"s3://{bucket}/{key}")

    def get(self, gate, bucket, key, path):
        self.run(gate, "get", f"s3://{bucket}/{key}", path)

    def keys(self, gate, bucket, prefix):
        lines = self.run(gate, "ls", "--recursive", f"s3://{bucket}/{prefix}").decode().splitlines()
        return [line.split(f"s3://{bucket}/", 1)[1] for line in lines]

    def delete(self, gate, bucket, key):
        self.run(gate, "del", f"s3://{bucket}/{key}")

    def link(self, gate, bucket, key, method):
        assert method == "GET"
        link = self.run(gate, "signurl", f"s3://{bucket}/{key}", "+600").decode().strip()
        return link if gate.secure else link.replace("https:", "http:")


class TestS3cmd(Everyday):
    client = S3cmd()

    def test_a_download_is_taken_up_where_it_broke_off(self, bucket, stored, tmp_path):
        stored("k", b"0123456789")
        (tmp_path / "half").write_bytes(b"01234")
        self.client.run(STRICT, "get", "--continue", f"s3://{bucket}/k", tmp_path / "half")
        assert (tmp_path / "half").read_bytes() == b"0123456789"

    @pytest.mark.parametrize(
        ("gate", "flags"), [(STRICT, ["--server-side-encryption"]), (SEALING, [])], ids=["encrypted", "sealed"]
    )
    def test_sync_moves_what_differs_and_then_nothing(self, bucket, file_of, tmp_path, gate, flags):
        (tmp_path / "here").mkdir()
        for size in (0, 1000, LARGE):
            (tmp_path / "here" / str(size)).write_bytes(file_of(size).read_bytes())

        def sync(*places):
            told = self.client.run(gate, "sync", *flags, *places).decode()
            return told.count("upload:"), told.count("download:")

        up = (f"{tmp_path}/here/", f"s3://{bucket}/")
        assert [sync(*up), sync(*up)] == [(3, 0), (0, 0)]
        (tmp_path / "back").mkdir()
        down = (f"s3://{bucket}/", f"{tmp_path}/back/")
        assert [sync(*down), sync(*down)] == [(0, 3), (0, 0)]
        for size in (0, 1000, LARGE):
            assert (tmp_path / "back" / str(size)).read_bytes() == file_of(size).read_bytes()
