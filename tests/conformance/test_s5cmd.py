"""s5cmd: the Go SDK v1, many workers at once."""

import json

from everyday import Everyday, LinksToRead, Metadata, run
from installed import program

S5CMD = program("s5cmd")


class S5cmd:
    """The program, configured by the environment and its flags."""

    name = "s5cmd"
    modes = {"default": [], "one-at-a-time": ["--concurrency=1"]}
    not_taken_literally = ()
    refused_read = r"403|Forbidden"
    tellable = {"who": "somebody with spaces", "sum": "a=b&c"}

    def run(self, gate, *words):
        env = {name: value for name, value in gate.environment.items() if name != "AWS_ENDPOINT_URL_S3"}
        return run([S5CMD, f"--endpoint-url={gate.url}", "--retry-count=0", *words], env)

    def put(self, gate, bucket, key, path, mode, encrypted, metadata):
        flags = ["--raw", "--part-size=5", *self.modes[mode], *(["--sse=AES256"] if encrypted else [])]
        flags += [f"--metadata={name}={value}" for name, value in metadata.items()]
        self.run(gate, "cp", *flags, path, f"s3://{bucket}/{key}")

    def get(self, gate, bucket, key, path):
        self.run(gate, "cp", "--raw", "--part-size=5", f"s3://{bucket}/{key}", path)

    def keys(self, gate, bucket, prefix):
        lines = self.run(gate, "--json", "ls", f"s3://{bucket}/{prefix}*").decode().splitlines()
        return [json.loads(line)["key"].removeprefix(f"s3://{bucket}/") for line in lines]

    def delete(self, gate, bucket, key):
        self.run(gate, "rm", "--raw", f"s3://{bucket}/{key}")

    def metadata(self, gate, bucket, key):
        return json.loads(self.run(gate, "head", "--raw", f"s3://{bucket}/{key}"))["metadata"]

    def link(self, gate, bucket, key, method):
        assert method == "GET"
        return self.run(gate, "presign", "--expire=10m", f"s3://{bucket}/{key}").decode().strip()


class TestS5cmd(Everyday, Metadata, LinksToRead):
    client = S5cmd()
