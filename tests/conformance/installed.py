"""Clients that `cargo xtask test` installed. A suite whose client is missing is skipped by name."""

import importlib
import os
import shutil
import sys
from pathlib import Path

import pytest


def program(name):
    """The path of a client's program: beside this Python, or the system's."""
    own = Path(sys.executable).with_name(name)
    found = str(own) if own.exists() else shutil.which(name)
    if found is None:
        skip(name)
    return found


def module(name):
    """A client that is a Python module."""
    try:
        return importlib.import_module(name)
    except ImportError:
        skip(name)


def path(variable, name):
    """Where `cargo xtask test` has set a client up."""
    return Path(setting(variable, name))


def setting(variable, name):
    """What `cargo xtask test` says in an environment variable when it could set something up."""
    found = os.environ.get(variable)
    if found is None:
        skip(name)
    return found


def skip(name):
    pytest.skip(f"{name} could not be installed", allow_module_level=True)
