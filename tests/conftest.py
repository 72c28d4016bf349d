"""Settings of the whole test suite."""

import gc

import pytest
from hypothesis import settings

# The same examples in every run, on however slow a machine.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


def pytest_configure(config: pytest.Config) -> None:
    # A component whose constructor refuses its parameters is never elaborated, and rightly so.
    config.addinivalue_line("filterwarnings", "ignore::amaranth.hdl.UnusedElaboratable")


def pytest_collection_finish() -> None:
    # What was imported stays; the garbage collector need not walk it again and again.
    gc.collect()
    gc.freeze()
