"""Settings of the whole test suite."""

import gc
import os
import sys

import pytest
from hypothesis import settings

from tests.harness import objcache
from tests.paths import ROOT

# The same examples in every run, on however slow a machine.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")

# Where Python may not keep what it compiles beside the sources, it keeps it here: each process of a
# run, and each that a test starts, would compile all of our packages and all that they import.
if sys.dont_write_bytecode:
    sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = str(ROOT / "build" / "bytecode")
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# NumPy's threads would wait for each other beside the other processes of a run.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Verilator's makefile starts the compiler by it.
os.environ["OBJCACHE"] = f"{sys.executable} -S {objcache.__file__}"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--screenshots", metavar="DIR", help="Write pictures of the live page into this folder."
    )


def pytest_configure(config: pytest.Config) -> None:
    # A component whose constructor refuses its parameters is never elaborated, and rightly so.
    config.addinivalue_line("filterwarnings", "ignore::amaranth.hdl.UnusedElaboratable")


def pytest_collection_finish() -> None:
    # What was imported stays; the garbage collector need not walk it again and again.
    gc.collect()
    gc.freeze()
