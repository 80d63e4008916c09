"""rclone: the Go SDK v2, MD5 sums kept as metadata, ETags compared after each transfer."""

import json

from everyday import Everyday, LinksToRead, Metadata, Ranges, run
from installed import program

RCLONE = program("rclone")


class Rclone:
    """The program, configured by its flags alone."""

    name = "rclone"
    modes = {
        "default": [],
        "disable-checksum": ["--s3-disable-checksum"],
        "unsigned-payload": ["--s3-use-unsigned-payload=true"],
        "data-integrity": ["--s3-use-data-integrity-protections=true"],
        "presigned": ["--s3-use-presigned-request"],
    }
    not_taken_literally = ()
    refused_read = r"403|[Ff]orbidden"
    tellable = {"who": "somebody  with spaces", "sum": "a=b&c"}

    def run(self, gate, *words):
        flags = [
            "--config=/dev/null",
            "--retries=1",
            "--low-level-retries=1",
            "--s3-provider=Other",
            f"--s3-endpoint={gate.url}",
            f"--s3-access-key-id={gate.access_key}",
            f"--s3-secret-access-key={gate.secret_key}",
            f"--s3-region={gate.region}",
            "--s3-no-check-bucket",
            "--s3-chunk-size=5Mi",
            "--s3-upload-cutoff=5Mi",
        ]
        return run([RCLONE, *words, *flags, *([f"--ca-cert={gate.ca}"] if gate.secure else [])])

    def put(self, gate, bucket, key, path, mode, encrypted, metadata):
        flags = [*self.modes[mode], *(["--s3-server-side-encryption=AES256"] if encrypted else [])]
        for name, value in metadata.items():
            flags += ["--metadata", f"--metadata-set={name}={value}"]
        self.run(gate, "copyto", path, f":s3:{bucket}/{key}", *flags)

    def get(self, gate, bucket, key, path):
        self.run(gate, "copyto", f":s3:{bucket}/{key}", path)

    def keys(self, gate, bucket, prefix):
        found = self.run(gate, "lsf", "-R", "--files-only", f":s3:{bucket}/{prefix}").decode().splitlines()
        return sorted(prefix + key for key in found)

    def delete(self, gate, bucket, key):
        self.run(gate, "deletefile", f":s3:{bucket}/{key}")

    def part(self, gate, bucket, key, first, last):
        return self.run(gate, "cat", f"--offset={first}", f"--count={last - first + 1}", f":s3:{bucket}/{key}")

    def metadata(self, gate, bucket, key):
        [found] = json.loads(self.run(gate, "lsjson", "--metadata", f":s3:{bucket}/{key}"))
        return found["Metadata"]

    def link(self, gate, bucket, key, method):
        assert method == "GET"
        return self.run(gate, "link", "--expire=10m", f":s3:{bucket}/{key}").decode().strip()


class TestRclone(Everyday, Ranges, Metadata, LinksToRead):
    client = Rclone()
