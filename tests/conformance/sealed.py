"""What the cases about sealed objects share."""

from surroundings import MIB

# Of no whole number of records: a table of them is kept behind them.
ODD_PARTS = [5 * MIB + 1, 6 * MIB + 77_777, 5 * MIB + 3]


def is_sealed(stored, plain):
    """Checks that nothing of the plaintext stands in what is stored: pieces of it, looked for everywhere."""
    assert len(stored) > len(plain)
    # Each search reads all that is stored, so what is large gets fewer of them.
    step = 65_537 if len(plain) <= 32 * MIB else len(plain) // 48
    assert all(plain[at : at + 32] not in stored for at in range(0, len(plain) - 32, step))


def upload(s3, bucket, key, parts, keyed=None, **more):
    """Makes an object of these parts, and gives its body. `keyed` is a key of the client's."""
    keyed = keyed or {}
    place = {"Bucket": bucket, "Key": key}
    place["UploadId"] = s3.create_multipart_upload(**place, **keyed, **more)["UploadId"]
    listed = []
    for number, body in enumerate(parts, 1):
        part = s3.upload_part(**place, **keyed, PartNumber=number, Body=body)
        listed.append({"PartNumber": number, "ETag": part["ETag"]})
    s3.complete_multipart_upload(**place, **keyed, MultipartUpload={"Parts": listed})
    return b"".join(parts)
