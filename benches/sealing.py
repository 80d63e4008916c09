"""What sealing costs: the same objects through a gate that seals and one that does not, in turns.

PORTCULLIS_GATES names the environments of the two, as `portcullis dev` writes them, and their
processes: `seal=ENV:PID off=ENV:PID`. PORTCULLIS_TLS is set where they speak TLS upstream. Bytes are
made and checked on the way, so that nothing of that size is kept.
"""

import concurrent.futures
import os
import shlex
import sys
import uuid
from pathlib import Path

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from transfer import MIB, Made, cpu_seconds, peak_mib

GIB = 1 << 30
# Requests that are in flight together, where memory is looked at.
TOGETHER = 8
# What a turn moves at least: CPU is counted in ticks of 10 ms, a tenth of what 64 MiB take.
TURN_BYTES = GIB // 2


class Gate:
    """One of the two, and what it took."""

    def __init__(self, name, environment, pid):
        self.name, self.pid, self.cpu = name, pid, {}
        words = shlex.split(Path(environment).read_text(encoding="utf-8"), comments=True)
        self.environment = dict(word.split("=", 1) for word in words if "=" in word)
        told = self.environment
        self.s3 = boto3.client(
            "s3",
            endpoint_url=told["AWS_ENDPOINT_URL_S3"],
            verify=told["AWS_CA_BUNDLE"],
            region_name=told["AWS_REGION"],
            aws_access_key_id=told["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=told["AWS_SECRET_ACCESS_KEY"],
            config=Config(max_pool_connections=2 * TOGETHER),
        )
        self.bucket = f"bench-{uuid.uuid4()}"
        where = {"LocationConstraint": told["AWS_REGION"]}
        self.s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration=where)

    def measure(self, what, size, work):
        times = max(TURN_BYTES // size, 1)
        before = cpu_seconds(self.pid)
        for _ in range(times):
            work(self, size)
        taken = (cpu_seconds(self.pid) - before) * GIB / (size * times)
        self.cpu.setdefault(what, []).append(taken)

    def median(self, what):
        return sorted(self.cpu[what])[len(self.cpu[what]) // 2]


def put(gate, size, key="object"):
    gate.s3.put_object(Bucket=gate.bucket, Key=key, Body=Made(size), ServerSideEncryption="AES256")


def get(gate, size, key="object"):
    expected, received = Made(size), 0
    for chunk in gate.s3.get_object(Bucket=gate.bucket, Key=key)["Body"].iter_chunks(MIB):
        assert chunk == expected.read(len(chunk)), f"other bytes at {received}"
        received += len(chunk)
    assert received == size, f"{received} bytes came back, not {size}"


def in_parts(gate, size):
    config = TransferConfig(multipart_threshold=1, multipart_chunksize=64 * MIB, max_concurrency=8)
    gate.s3.upload_fileobj(
        Made(size), gate.bucket, "parts", Config=config, ExtraArgs={"ServerSideEncryption": "AES256"}
    )


def get_parts(gate, size):
    get(gate, size, "parts")


def together(gate, size):
    """Some large objects at once, for what they take of memory."""
    with concurrent.futures.ThreadPoolExecutor(TOGETHER) as pool:
        for work in (put, get):
            list(pool.map(lambda number: work(gate, size, f"{number}"), range(TOGETHER)))


def main():
    size, rounds = int(sys.argv[1]), int(sys.argv[2])
    named = dict(word.split("=", 1) for word in os.environ["PORTCULLIS_GATES"].split())
    gates = [Gate(name, *place.rsplit(":", 1)) for name, place in named.items()]
    seal, off = gates
    works = {
        "PUT": (size, put),
        "GET": (size, get),
        "parts of 64 MiB, 8 together": (max(size, GIB), in_parts),
        "GET of that": (max(size, GIB), get_parts),
    }
    also = " and the backend" if os.environ.get("PORTCULLIS_TLS") else ""
    print(f"{size // MIB} MiB, medians of {rounds} rounds, TLS towards the client{also}")
    print(f"{'CPU s/GiB':<30} {seal.name:>8} {off.name:>8} {'ratio':>7}")
    for what, (bytes_sent, work) in works.items():
        for number in range(rounds):
            # In turns, and each as often the first.
            for gate in gates if number % 2 else reversed(gates):
                gate.measure(what, bytes_sent, work)
        with_seal, without = seal.median(what), off.median(what)
        print(f"{what:<30} {with_seal:8.2f} {without:8.2f} {with_seal / without:7.2f}")
    for gate in gates:
        before = peak_mib(gate.pid)
        together(gate, size)
        after = peak_mib(gate.pid)
        grown = max(after - before, 0) * 1024 / TOGETHER
        print(f"{gate.name}: {after:.0f} MiB at its peak, {TOGETHER} together took {grown:.0f} KiB each")
    for gate in gates:
        for found in gate.s3.list_objects_v2(Bucket=gate.bucket).get("Contents", []):
            gate.s3.delete_object(Bucket=gate.bucket, Key=found["Key"])
        gate.s3.delete_bucket(Bucket=gate.bucket)


main()
