"""AWS's SDK for JavaScript: bodies as bytes and as streams, which it frames over plain HTTP too."""

from pathlib import Path

from driver import Driven
from everyday import Everyday, LinksToRead, LinksToWrite, Metadata, Ranges
from installed import path, program

NODE = program("node")
path("PORTCULLIS_JS", "AWS's SDK for JavaScript")


class JavaScript(Driven):
    name = "the SDK for JavaScript"
    modes = {
        "bytes": {},
        "stream": {"body": "stream"},
        "stream, when_required": {"body": "stream", "settings": {"requestChecksumCalculation": "WHEN_REQUIRED"}},
        "bytes, when_required": {"settings": {"requestChecksumCalculation": "WHEN_REQUIRED"}},
        **{
            name: {"body": "stream", "extra": {"ChecksumAlgorithm": name}}
            for name in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")
        },
    }


class TestJavaScript(Everyday, Ranges, Metadata, LinksToRead, LinksToWrite):
    client = JavaScript(NODE, Path(__file__).with_name("js") / "driver.mjs")
