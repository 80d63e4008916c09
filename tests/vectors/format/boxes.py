"""Makes boxes.json: sealing metadata by another implementation of docs/format.md, "Metadata".

    python3 tests/vectors/format/boxes.py > tests/vectors/format/boxes.json
"""

import base64
import hashlib
import json
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def bytes_of(seed: str, count: int = 32) -> bytes:
    return hashlib.shake_256(seed.encode()).digest(count)


def hkdf(salt: bytes, secret: bytes, info: bytes, count: int = 32) -> bytes:
    return HKDF(SHA512(), count, salt, info).derive(secret)


def text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def short(value: str) -> bytes:
    return bytes([len(value.encode())]) + value.encode()


def case(name, mode, ring, version, bucket, key, customer):
    dek, object_id, kek, bucket_key, nonce = (
        bytes_of(f"{name} {part}", 12 if part == "nonce" else 32)
        for part in ("dek", "object id", "kek", "bucket key", "nonce")
    )
    commitment = hkdf(object_id, dek, b"pcl1 commit\x01")
    binding = {0: "", 1: bucket, 2: f"{bucket}/{key}"}[mode].encode()
    inner = dek
    customer_key = None
    if customer:
        mode |= 0x80
        customer_key = bytes_of(f"{name} customer key")
        sealing = AESGCM(hkdf(object_id, customer_key, b"pcl1 ssec"))
        inner = sealing.encrypt(bytes(12), dek, b"pcl1 ssec")
    context = b"pcl1 wrap" + bytes([mode]) + binding
    wrapped = AESGCM(hkdf(object_id, bucket_key, context)).encrypt(bytes(12), inner, context)
    wrapped_bucket_key = nonce + AESGCM(kek).encrypt(
        nonce, bucket_key, b"pcl1 bucket key" + bucket.encode()
    )
    box = (
        bytes([1, mode])
        + short(ring)
        + short(version)
        + struct.pack(">H", len(wrapped_bucket_key))
        + wrapped_bucket_key
        + wrapped
    )
    return {
        "name": name,
        "bucket": bucket,
        "key": key,
        "ring": ring,
        "version": version,
        "kek": kek.hex(),
        "bucket_key": bucket_key.hex(),
        "customer_key": customer_key and customer_key.hex(),
        "dek": dek.hex(),
        "token_key": hkdf(object_id, dek, b"pcl1 token").hex(),
        "pcl_c": text(b"\x01\x01" + object_id + commitment),
        "pcl_k": text(box),
    }


CASES = [
    case("bound to nothing", 0, "local", "1", "bucket", "key", False),
    case("bound to the bucket", 1, "local", "1", "bucket", "key", False),
    case("bound to bucket and key", 2, "local", "2026-11-23", "bucket", "a/b c", False),
    case("beyond ASCII", 2, "schlüssel", "ä", "bucket", "ordner/ключ/鍵", False),
    case("with a customer's key", 2, "local", "1", "bucket", "key", True),
    case("a customer's key, bound to nothing", 0, "", "", "bucket", "key", True),
]

print(json.dumps(CASES, indent=1, ensure_ascii=False))
