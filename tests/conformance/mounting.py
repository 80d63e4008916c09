"""s3fs, which makes a file system of a bucket by FUSE."""

import contextlib
import os
import subprocess
import time

import pytest

from installed import program, skip


@contextlib.contextmanager
def mounted(gate, bucket, folder, *further):
    """Mounts a bucket below `folder` through a gate, with further options."""
    s3fs, unmount = program("s3fs"), program("fusermount")
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        skip("s3fs: /dev/fuse is not there, and so it")
    at, keys, log = folder / "mount", folder / "keys", folder / "log"
    at.mkdir()
    keys.touch(mode=0o600)
    keys.write_text(f"{gate.access_key}:{gate.secret_key}")
    options = [
        f"passwd_file={keys}",
        f"url={gate.url}",
        f"endpoint={gate.region}",
        "use_path_request_style",
        "sigv4",
        "retries=1",
        "multipart_size=10",
        # Debian's build knows no CAs but the system's.
        "no_check_certificate",
        *further,
    ]
    command = [s3fs, bucket, str(at), "-f", "-o", ",".join(options)]
    env = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    with log.open("wb") as told:
        server = subprocess.Popen(command, env=env, stdout=told, stderr=told)
    try:
        deadline = time.monotonic() + 20
        while not os.path.ismount(at):
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.skip(f"s3fs cannot mount here: {log.read_text(errors='replace').strip()[-200:]}")
            time.sleep(0.05)
        yield at
    finally:
        subprocess.run([unmount, "-u", str(at)], check=False, capture_output=True)
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
