"""Sends the same requests through each proxy and prints what each took for them, side by side.

`cargo xtask bench compare` starts the proxies and the origin behind them, and says in COMPARE where they are:
{"ca": FILE, "seconds": N, "origin": URL, "proxies": {NAME: {"url": URL, "group": ID}, ...}, "json": FILE, "large": FILE,
"access_key_id": ID, "secret_access_key": KEY, "region": NAME}. Every request is signed (by its URL), so that
all proxies get the same bytes; only the gate looks at the signature, judges the request, writes an audit line
and signs afresh. CPU seconds are those of a proxy's processes alone, and steadier than wall times.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

import boto3
from botocore.config import Config

ASKED = json.loads(os.environ["COMPARE"])
MIB = 1 << 20
SMALL, LARGE, LARGE_TIMES = 4096, 64 * MIB, 4
ROUNDS, CONNECTIONS = 3, 32
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(group):
    """What all processes of a process group have used so far."""
    total = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[2]) == group:
            total += int(fields[11]) + int(fields[12])
    return total / TICKS


def signed(url, method, key, encrypted=True):
    """A signed URL for an object of the bucket `bench`; an upload asks for encryption, if it is to."""
    s3 = boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id=ASKED["access_key_id"],
        aws_secret_access_key=ASKED["secret_access_key"],
        region_name=ASKED["region"],
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    wanted = {"Bucket": "bench", "Key": key}
    if method == "PUT":
        sse = {"ServerSideEncryption": "AES256"} if encrypted else {}
        return s3.generate_presigned_url("put_object", Params={**wanted, **sse})
    return s3.generate_presigned_url("get_object", Params=wanted)


SCRIPT = """
wrk.method = os.getenv("METHOD")
if wrk.method == "PUT" then
    wrk.body = string.rep("x", tonumber(os.getenv("BYTES")))
    if os.getenv("ENCRYPTED") == "True" then
        wrk.headers["x-amz-server-side-encryption"] = "AES256"
    end
end
done = function(summary, latency)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    io.write(string.format("RESULT %d %d %d %d\\n", summary.requests, summary.duration, failed, latency:percentile(50)))
end
"""


def load(url, method, connections, seconds, encrypted=True):
    """Small requests on connections that stay open: how many, in how many seconds, median latency in µs."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(SCRIPT)
        script.flush()
        env = {**os.environ, "METHOD": method, "BYTES": str(SMALL), "ENCRYPTED": str(encrypted)}
        target = signed(url, method, f"small-{method.lower()}", encrypted)
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script.name, target]
        told = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    requests, micros, failed, median = map(int, re.search(r"RESULT (\d+) (\d+) (\d+) (\d+)", told).groups())
    if failed or not requests:
        sys.exit(f"{method} {url}: {failed} of {requests} requests failed\n{told}")
    return requests, micros / 1e6, median


def small(proxy, method):
    group = proxy["group"]
    load(proxy["url"], method, CONNECTIONS, 1)
    before = cpu_seconds(group)
    requests, seconds, _ = load(proxy["url"], method, CONNECTIONS, ASKED["seconds"])
    cpu = cpu_seconds(group) - before
    _, _, median = load(proxy["url"], method, 1, 1)
    return {"requests_per_s": requests / seconds, "cpu_us_per_request": cpu / requests * 1e6, "p50_us": median}


def large(proxy, method):
    """Some large bodies one after the other on one connection."""
    url = signed(proxy["url"], method, f"large-{method.lower()}")
    command = ["curl", "--silent", "--show-error", "--fail", "--cacert", ASKED["ca"]]
    if method == "PUT":
        command += ["-H", "Expect:", "-H", "x-amz-server-side-encryption: AES256"]
    for _ in range(LARGE_TIMES):
        command += [*(["-T", ASKED["large"]] if method == "PUT" else []), "-o", "/dev/null", url]
    before = cpu_seconds(proxy["group"])
    subprocess.run(command, check=True)
    cpu = cpu_seconds(proxy["group"]) - before
    return {"cpu_s_per_gib": cpu / (LARGE * LARGE_TIMES / (1 << 30))}


WORKS = {
    "GET 4 KiB": (small, "GET"),
    "PUT 4 KiB": (small, "PUT"),
    "GET 64 MiB": (large, "GET"),
    "PUT 64 MiB": (large, "PUT"),
}


def main():
    proxies = ASKED["proxies"]
    results = {work: {name: [] for name in proxies} for work in WORKS}
    # In turns, so that whatever else the machine does falls on all of them.
    for number in range(ROUNDS):
        for work, (measure, method) in WORKS.items():
            for name, proxy in proxies.items():
                results[work][name].append(measure(proxy, method))
        print(f"round {number + 1} of {ROUNDS} done", file=sys.stderr)
    medians = {
        work: {
            name: {figure: statistics.median(run[figure] for run in runs) for figure in runs[0]}
            for name, runs in by_proxy.items()
        }
        for work, by_proxy in results.items()
    }
    for method in ("GET", "PUT"):
        direct = statistics.median(load(ASKED["origin"], method, 1, 1)[2] for _ in range(ROUNDS))
        for name in proxies:
            of = medians[f"{method} 4 KiB"][name]
            of["added_p50_us"] = of.pop("p50_us") - direct
    tell(medians)
    with open(ASKED["json"], "w") as file:
        json.dump(medians, file, indent=2)


def tell(medians):
    names = list(ASKED["proxies"])
    print(f"\n{'':34}" + "".join(f"{name:>12}" for name in names))
    for work, by_proxy in medians.items():
        for figure in by_proxy[names[0]]:
            values = [by_proxy[name][figure] for name in names]
            shown = "".join(f"{value:12.2f}" if value < 10 else f"{value:12.0f}" for value in values)
            print(f"{work:11} {figure:22}{shown}")


if __name__ == "__main__":
    main()
