from pathlib import Path

import pytest

from tests.harness import objcache

COMPILER = """#!/bin/sh
echo "$@" >>"$(dirname "$0")/calls"
for last; do :; done
cp "$last" "$(dirname "$0")/made.o"
"""


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Compile a file of that name, its object first removed; gives the object and all calls."""
    monkeypatch.setattr(objcache, "OBJECTS", tmp_path / "objects")
    compiler, made, calls = (tmp_path / name for name in ("c++", "made.o", "calls"))
    compiler.write_text(COMPILER)
    compiler.chmod(0o755)

    def run(name: str, *options: str) -> tuple[str, int]:
        source = tmp_path / name
        if not source.exists():
            source.write_text(name)
        made.unlink(missing_ok=True)
        command = [str(compiler), *options, "-c", "-o", str(made), str(source)]
        assert objcache.main(command) == 0
        return made.read_text(), len(calls.read_text().splitlines())

    return run


def test_the_runtime_is_compiled_once_for_all(compiled):
    assert compiled("verilated.cpp") == ("verilated.cpp", 1)
    assert compiled("verilated.cpp") == ("verilated.cpp", 1)
    assert compiled("verilated.cpp", "-O3") == ("verilated.cpp", 2)
    assert compiled("verilated_threads.cpp") == ("verilated_threads.cpp", 3)
    assert compiled("verilated.cpp") == ("verilated.cpp", 3)


def test_a_design_is_compiled_always(compiled):
    assert [compiled("Vtop.cpp"), compiled("Vtop.cpp")] == [("Vtop.cpp", 1), ("Vtop.cpp", 2)]


def test_what_cannot_be_compiled_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(objcache, "OBJECTS", tmp_path / "objects")
    command = ["false", "-c", "-o", str(tmp_path / "made.o"), str(tmp_path / "verilated.cpp")]
    (tmp_path / "verilated.cpp").write_text("wrong")
    assert objcache.main(command) == 1
    assert not (tmp_path / "objects").exists()


def test_a_design_reads_a_header_that_is_compiled_once_for_its_options(tmp_path, monkeypatch):
    monkeypatch.setattr(objcache, "OBJECTS", tmp_path / "objects")
    (tmp_path / objcache.HEADER).write_text("#pragma once\nconstexpr int answer = 42;\n")
    source = tmp_path / "Vtop.cpp"
    source.write_text(f'#include "{objcache.HEADER}"\nint main() {{ return answer - 42; }}\n')
    headers = set()
    for level in ("-O1", "-O1", "-O0"):
        options = [level, f"-I{tmp_path}", objcache.NO_WAVES, "-DOTHER", "-Winvalid-pch", "-Werror"]
        made = str(tmp_path / "made.o")
        assert objcache.main(["g++", *options, "-c", "-o", made, str(source)]) == 0
        headers.add(frozenset((tmp_path / "objects").glob("*.gch")))
    assert sorted(len(compiled) for compiled in headers) == [1, 2]


def test_a_design_with_waves_reads_its_own_headers(tmp_path):
    (tmp_path / objcache.HEADER).write_text("")
    command = ["g++", f"-I{tmp_path}", "-DVM_TRACE=1", "-c", "-o", "made.o", "Vtop.cpp"]
    assert objcache.with_header(command) == command
