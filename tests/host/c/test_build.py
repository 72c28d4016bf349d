"""The C driver as others build it: compilers and their warnings, CMake, pkg-config, sanitizers."""

import re
import shutil
import subprocess
import tomllib

import pytest

from protocol.messages import DeviceInfo
from protocol.packets import INFO, OVERHEAD, SUMS, UDP_PORT, VERSION
from tests.host.c.compiled import SOURCES, WARNINGS, compile_c, compiler, made
from tests.paths import ROOT

SANITIZERS = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
FUZZ = [SOURCES / "fuzz" / name for name in ("fuzz_session.c", "random_inputs.c")]
CONSUMER = """
#include <firebrick.h>
int main(void)
{
    const int32_t sums[3] = {1, 5, 2};
    return fb_top1(sums, 3) == 1u ? 0 : 1;
}
"""
PAGE_HEAD = """
#include "firebrick.h"
bool my_send(void *context, const uint8_t *data, size_t size);
int32_t my_receive(void *context, uint8_t *data, size_t size, uint32_t wait_ms);
uint32_t my_clock(void *context);
uint16_t my_random_number(void);
int classify(const uint8_t *pixels, size_t size);
"""
"""What the program on the page takes for granted."""


@pytest.mark.parametrize("cc", ["gcc", "clang"])
def test_no_compiler_has_anything_to_say(cc, tmp_path):
    if shutil.which(cc) is None:
        pytest.skip(f"no {cc} on this machine")
    common = [cc, *WARNINGS, "-O2", "-I", SOURCES, "-c"]
    for file in sorted(SOURCES.rglob("*.c")):
        assert compile_c([*common, file, "-o", tmp_path / "object.o"]) == ""


def test_the_header_is_for_c_plus_plus_too(tmp_path):
    if shutil.which("g++") is None:
        pytest.skip("no g++ on this machine")
    header = SOURCES / "firebrick.h"
    strict = ("-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only")
    assert compile_c(["g++", *strict, "-x", "c++", header]) == ""


def test_the_driver_needs_no_more_of_the_library_than_it_says(tmp_path):
    text = (SOURCES / "firebrick.c").read_text() + (SOURCES / "firebrick.h").read_text()
    included = set(re.findall(r"#include <(.*)>", text))
    assert included == {"stdbool.h", "stddef.h", "stdint.h", "string.h"}
    assert set(re.findall(r"\b(?:mem|str)\w+(?=\()", text)) == {"memset", "memcpy", "memcmp"}
    assert not re.search(r"\b(?:malloc|calloc|free|goto)\b", text)
    data = [line for line in text.splitlines() if re.match(r"\s*static\b(?!.*[({]$|.*\()", line)]
    assert [line for line in data if "const" not in line] == []


def test_the_page_compiles(tmp_path):
    page = (ROOT / "docs" / "c-driver.md").read_text()
    (program,) = re.findall(r"^```c\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    source = tmp_path / "page.c"
    source.write_text(program.replace('#include "firebrick.h"\n', PAGE_HEAD))
    compile_c([compiler(), *WARNINGS, "-I", SOURCES, "-c", source, "-o", tmp_path / "page.o"])
    functions = re.findall(r"`(fb_[a-z_0-9]+)`", page)
    header = (SOURCES / "firebrick.h").read_text()
    assert [name for name in functions if name not in header] == []


def constant(name: str) -> int:
    text = (SOURCES / "firebrick.h").read_text() + (SOURCES / "firebrick.c").read_text()
    (value,) = re.findall(rf"#define {name} (\w+?)u\b", text)
    return int(value, 0)


def test_its_constants_are_those_of_the_protocol():
    assert constant("FB_PROTOCOL_VERSION") == VERSION
    assert constant("FB_UDP_PORT") == UDP_PORT
    assert constant("FB_SUMS") == SUMS
    assert constant("INFO_BYTES") == INFO.size
    assert constant("FB_OVERHEAD") == OVERHEAD - 1
    smallest = DeviceInfo(1, 1, 1, 1, 1, bytes(8))
    assert constant("FB_LEAST_RX") == smallest.longest_answer
    assert 32 * constant("FB_PART_WORDS") * SUMS > 65535


def test_it_has_the_version_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"VERSION {project['version']} " in (SOURCES / "CMakeLists.txt").read_text()


def test_cmake_builds_and_installs_what_pkg_config_finds(tmp_path):
    for program in ("cmake", "pkg-config"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program} on this machine")
    cc, build, there = compiler(), tmp_path / "build", tmp_path / "there"
    options = [f"-DCMAKE_C_COMPILER={cc}", "-DFIREBRICK_WERROR=ON", "-DCMAKE_INSTALL_LIBDIR=lib"]
    compile_c(["cmake", "-S", SOURCES, "-B", build, f"-DCMAKE_INSTALL_PREFIX={there}", *options])
    compile_c(["cmake", "--build", build])
    compile_c(["cmake", "--install", build])
    compile_c(["ctest", "--test-dir", build, "--output-on-failure"])
    assert (build / "classify_ppm").exists()
    assert (there / "lib" / "cmake" / "firebrick" / "firebrick-config.cmake").exists()
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "firebrick"],
        env={"PKG_CONFIG_PATH": str(there / "lib" / "pkgconfig"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    source = tmp_path / "consumer.c"
    source.write_text(CONSUMER)
    compile_c([cc, source, *flags, "-o", tmp_path / "consumer"])
    assert subprocess.run([tmp_path / "consumer"]).returncode == 0


def test_random_bytes_do_no_harm(tmp_path_factory, tmp_path):
    empty = tmp_path / "empty.c"
    empty.write_text("int main(void) { return 0; }\n")
    tried = [compiler(), *SANITIZERS, str(empty), "-o", str(tmp_path / "empty")]
    if subprocess.run(tried, capture_output=True).returncode:
        pytest.skip("this machine's C compiler has no address and undefined sanitizers")
    files = (str(path) for path in (SOURCES / "firebrick.c", *FUZZ))
    program = made(tmp_path_factory, "fuzz_random", (*SANITIZERS, *files))
    done = subprocess.run([program, "7", "20000"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "20000 inputs\n"), done.stderr
