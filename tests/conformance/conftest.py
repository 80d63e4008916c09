"""Fixtures that every suite shares, and the results as `cargo xtask test` counts them."""

import os
import uuid

import pytest

from surroundings import CAPABILITIES, MIB, SSE, backend_client, gate_client


def pytest_configure(config):
    config.addinivalue_line("markers", "needs(capability): what the backend must be able to do")


@pytest.fixture(autouse=True)
def _needs(request):
    for marker in request.node.iter_markers("needs"):
        for capability in marker.args:
            if capability not in CAPABILITIES:
                pytest.skip(f"the backend lacks {capability}")


def pytest_generate_tests(metafunc):
    """Every mode of a client, or the first, where another backend has seen the others: all get the one form."""
    if "mode" in metafunc.fixturenames:
        modes = list(metafunc.cls.client.modes)
        metafunc.parametrize("mode", modes if "PORTCULLIS_EVERY_MODE" in os.environ else modes[:1])


def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        write_result(report)


def pytest_collectreport(report):
    """A suite whose client is not installed, or that cannot be read."""
    if report.outcome != "passed":
        write_result(report)


def write_result(report):
    """A line a case: suite, outcome, case, reason."""
    if "PORTCULLIS_RESULTS" not in os.environ:
        return
    path, _, case = report.nodeid.partition("::")
    suite = os.path.basename(path).removeprefix("test_").removesuffix(".py")
    reason = ""
    if report.skipped:
        reason = str(report.longrepr[2]).removeprefix("Skipped: ")
    reason = " ".join(reason.split())
    with open(os.environ["PORTCULLIS_RESULTS"], "a", encoding="utf-8") as results:
        print(suite, report.outcome, case, reason, sep="\t", file=results)


@pytest.fixture
def s3():
    """A stock client of the gate."""
    return gate_client()


@pytest.fixture
def backend():
    """A client that goes round the gate."""
    return backend_client()


@pytest.fixture
def bucket(s3, backend):
    """A bucket of the test's own, made through the gate and swept away behind it."""
    name = f"conformance-{uuid.uuid4().hex[:16]}"
    s3.create_bucket(Bucket=name)
    yield name
    for upload in backend.list_multipart_uploads(Bucket=name).get("Uploads", []):
        backend.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
    if "versions" in CAPABILITIES:
        versions = backend.list_object_versions(Bucket=name)
        for found in versions.get("Versions", []) + versions.get("DeleteMarkers", []):
            backend.delete_object(Bucket=name, Key=found["Key"], VersionId=found["VersionId"])
    for page in backend.get_paginator("list_objects_v2").paginate(Bucket=name):
        for found in page.get("Contents", []):
            backend.delete_object(Bucket=name, Key=found["Key"])
    backend.delete_bucket(Bucket=name)


@pytest.fixture
def stored(s3, bucket):
    """Stores an object as the policy demands, and gives its key."""

    def store(key="hello.txt", body=b"hello"):
        s3.put_object(Bucket=bucket, Key=key, Body=body, **SSE)
        return key

    return store


@pytest.fixture(scope="session")
def file_of(tmp_path_factory):
    """Files of random bytes, by size."""
    folder = tmp_path_factory.mktemp("files")

    def make(size):
        path = folder / f"{size}.bin"
        if not path.exists():
            block = os.urandom(min(size, MIB))
            with path.open("wb") as file:
                for number in range(size // MIB):
                    file.write(number.to_bytes(8) + block[8:])
                file.write(block[: size % MIB])
        return path

    return make
