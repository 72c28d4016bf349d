import pytest

from tests.generated import tiny_board  # noqa: F401
from tests.host.c.board import load
from tests.host.c.compiled import SOURCES, made


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """The driver as a shared library, for ctypes."""
    files = (SOURCES / "firebrick.c", SOURCES.parents[1] / "tests" / "host" / "c" / "shim.c")
    return load(made(tmp_path_factory, "libfirebrick.so", ("-shared", "-fPIC", *files)))
