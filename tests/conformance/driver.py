"""A client in another language, driven over a pipe: orders and answers are lines of JSON."""

import json
import os
import subprocess

from everyday import Failed


class Driven:
    """The adapter of a client whose driver does what it is ordered; see `js/driver.mjs`."""

    name = None
    modes = {}
    not_taken_literally = ()
    refused_read = r"403|AccessDenied"
    tellable = {"who": "somebody  with spaces", "sum": "a=b&c"}

    def __init__(self, *command):
        self._command = [str(word) for word in command]
        self._driver = None

    def order(self, order, gate, **named):
        """One order and its answer. The driver starts with the first and ends with this process."""
        if self._driver is None:
            # Nothing but what the orders say: none of the environment of the gate.
            env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            self._driver = subprocess.Popen(self._command, env=env, text=True, **pipes)
        self._driver.stdin.write(json.dumps({"order": order, "gate": gate._asdict(), **named}) + "\n")
        self._driver.stdin.flush()
        answer = json.loads(self._driver.stdout.readline())
        if "failed" in answer:
            raise Failed(answer["failed"])
        return answer["done"]

    def put(self, gate, bucket, key, path, mode, encrypted, metadata):
        extra = {"Metadata": metadata, **({"ServerSideEncryption": "AES256"} if encrypted else {})}
        how = {"settings": {}, "body": "bytes", **self.modes[mode]}
        extra.update(how.pop("extra", {}))
        place = {"bucket": bucket, "key": key, "path": str(path), "size": path.stat().st_size}
        self.order("put", gate, extra=extra, **place, **how)

    def get(self, gate, bucket, key, path):
        self.order("get", gate, bucket=bucket, key=key, path=str(path))

    def part(self, gate, bucket, key, first, last):
        return self.order("part", gate, bucket=bucket, key=key, range=f"bytes={first}-{last}").encode()

    def keys(self, gate, bucket, prefix):
        return self.order("keys", gate, bucket=bucket, prefix=prefix)

    def delete(self, gate, bucket, key):
        self.order("delete", gate, bucket=bucket, key=key)

    def metadata(self, gate, bucket, key):
        return self.order("metadata", gate, bucket=bucket, key=key)

    def link(self, gate, bucket, key, method):
        return self.order("link", gate, bucket=bucket, key=key, method=method)
