"""Programs that know no encryption header, told of a gate and of nothing else."""

import hashlib
import os
import subprocess

from installed import program


def rclone(gate, *words):
    """Runs rclone with the gate as its remote `gate:`, in parts from 5 MiB on."""
    settings = {
        "RCLONE_CONFIG": "/dev/null",
        "RCLONE_CONFIG_GATE_TYPE": "s3",
        "RCLONE_CONFIG_GATE_PROVIDER": "Other",
        "RCLONE_CONFIG_GATE_ENDPOINT": gate.url,
        "RCLONE_CONFIG_GATE_REGION": gate.region,
        "RCLONE_CONFIG_GATE_ACCESS_KEY_ID": gate.access_key,
        "RCLONE_CONFIG_GATE_SECRET_ACCESS_KEY": gate.secret_key,
        "RCLONE_S3_UPLOAD_CUTOFF": "5M",
        "RCLONE_S3_NO_CHECK_BUCKET": "true",
        **({"RCLONE_CA_CERT": gate.ca} if gate.secure else {}),
    }
    return run("rclone", *words, **settings)


def told_by_rclone(gate, folder, *words):
    """Runs rclone, and gives what it says that it did."""
    log = folder / "rclone.log"
    log.unlink(missing_ok=True)
    rclone(gate, *words, "--log-level=INFO", "--stats=0", f"--log-file={log}")
    return [line.split("INFO  : ")[1] for line in log.read_text().splitlines() if "INFO  : " in line]


def restic(gate, bucket, *words):
    """Runs restic with its repository in a bucket behind the gate."""
    settings = {
        "RESTIC_REPOSITORY": f"s3:{gate.url}/{bucket}/repository",
        "RESTIC_PASSWORD": "tests",
        "AWS_ACCESS_KEY_ID": gate.access_key,
        "AWS_SECRET_ACCESS_KEY": gate.secret_key,
        "AWS_DEFAULT_REGION": gate.region,
    }
    return run("restic", "--no-cache", *words, **settings)


def run(name, *words, **environment):
    """Runs a program without AWS settings but those given; skips where it is not installed."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    ended = subprocess.run(
        [program(name), *map(str, words)],
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, f"{name} {' '.join(map(str, words))}\n{ended.stderr}"
    return ended.stdout


def digest(path):
    """Tells files apart."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
