"""AWS's SDK for Rust: trailing checksums by default, on hyper and rustls."""

import pytest

from driver import Driven
from everyday import Everyday, LinksToRead, LinksToWrite, Metadata, Ranges
from installed import path as installed_path
from surroundings import CAPABILITIES, MIB, SEALING


class Rust(Driven):
    name = "the SDK for Rust"
    modes = {
        "bytes": {},
        "stream": {"body": "stream"},
        "bytes, when_required": {"settings": {"when_required": True}},
        "stream, when_required": {"body": "stream", "settings": {"when_required": True}},
        **{
            name: {"body": "stream", "extra": {"ChecksumAlgorithm": name}}
            for name in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")
        },
    }

    def put(self, gate, bucket, key, path, mode, encrypted, metadata):
        # It reads the name of the answer's root, where others read only what stands in it. What is sealed is
        # answered by the gate itself.
        is_told = gate is SEALING or "complete-result" in CAPABILITIES
        if path.stat().st_size > 5 * MIB and not is_told:
            pytest.skip("the backend lacks complete-result")
        super().put(gate, bucket, key, path, mode, encrypted, metadata)


class TestRust(Everyday, Ranges, Metadata, LinksToRead, LinksToWrite):
    client = Rust(installed_path("PORTCULLIS_RUST", "AWS's SDK for Rust"))
