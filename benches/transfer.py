"""Sends one large object up and down through a gate and prints what the gate took for it.

The environment is that of `portcullis dev`; PORTCULLIS_PIDS names the processes of the gate and of
the backend behind it. Bytes are made and checked on the way, so that nothing of that size is kept.
"""

import os
import sys
import time
import uuid

import boto3

MIB = 1 << 20
BLOCK = os.urandom(MIB)


class Made:
    """A seekable file of the given size that repeats one random block."""

    def __init__(self, size):
        self.size, self.at = size, 0

    def __len__(self):
        return self.size

    def read(self, count=-1):
        left = self.size - self.at
        count = left if count is None or count < 0 else min(count, left)
        offset = self.at % len(BLOCK)
        made = BLOCK[offset : offset + count]
        while len(made) < count:
            made += BLOCK[: count - len(made)]
        self.at += count
        return made

    def seek(self, offset, whence=0):
        self.at = (0, self.at, self.size)[whence] + offset
        return self.at

    def tell(self):
        return self.at


def peak_mib(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measured(gate, what, size, work):
    cpu, began = cpu_seconds(gate), time.monotonic()
    work()
    gib = size / (1 << 30)
    cpu = (cpu_seconds(gate) - cpu) / gib
    took = time.monotonic() - began
    print(f"{what:<28} {cpu:6.2f} CPU s/GiB  {size / took / (1 << 20):7.0f} MiB/s")


def main():
    size = int(sys.argv[1])
    gate, backend = os.environ["PORTCULLIS_PIDS"].split(":")
    s3 = boto3.client("s3")
    bucket = f"bench-{uuid.uuid4()}"
    s3.create_bucket(
        Bucket=bucket,
        CreateBucketConfiguration={"LocationConstraint": os.environ["AWS_REGION"]},
    )
    print(f"{size / (1 << 30):.2f} GiB, TLS towards the client, plain HTTP towards the backend")
    print(f"gate at rest: {peak_mib(gate):.0f} MiB")

    def upload():
        s3.put_object(Bucket=bucket, Key="object", Body=Made(size), ServerSideEncryption="AES256")

    def download():
        expected = Made(size)
        received = 0
        for chunk in s3.get_object(Bucket=bucket, Key="object")["Body"].iter_chunks(1 << 20):
            assert chunk == expected.read(len(chunk)), f"other bytes at {received}"
            received += len(chunk)
        assert received == size, f"{received} bytes came back, not {size}"

    measured(gate, "upload, one PutObject", size, upload)
    measured(gate, "download, one GetObject", size, download)
    print(f"gate at its peak: {peak_mib(gate):.0f} MiB (backend: {peak_mib(backend):.0f} MiB)")
    s3.delete_object(Bucket=bucket, Key="object")
    s3.delete_bucket(Bucket=bucket)


if __name__ == "__main__":
    main()
