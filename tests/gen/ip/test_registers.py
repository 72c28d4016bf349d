"""What is made of the register map says the same as the map."""

import re
import subprocess
from dataclasses import replace
from itertools import pairwise

import pytest

from gen.ip.registers import c_header, markdown, system_rdl, table
from protocol.register_kinds import Access
from protocol.registers import (
    ADDRESS_BITS,
    BY_NAME,
    REGISTERS,
    WORD_BYTES,
    CoreInfo,
    fields,
)
from protocol.update_registers import UpdateInfo

INFO = CoreInfo(4, 6, 3, 10, 5, 32, 100_000_000, b"\x01\x02\x03\x04\x05\x06\x07\x88")
UPDATABLE = replace(INFO, updates=UpdateInfo(b"\x99structu", 8, keyed=True))
INFOS = pytest.mark.parametrize("info", [INFO, UPDATABLE], ids=["fixed", "updatable"])


def test_the_map_makes_sense():
    registers = UPDATABLE.registers
    addresses = [register.address for register in registers]
    assert addresses == sorted(set(addresses))
    assert all(a % WORD_BYTES == 0 and a < 1 << ADDRESS_BITS for a in addresses)
    assert INFO.registers == registers[: len(REGISTERS)] == REGISTERS
    assert [*BY_NAME.values()] == [*registers]
    for register in registers:
        ends = [(field.low, field.low + field.bits) for field in register.fields]
        assert all(end <= low for (_, end), (low, _) in pairwise(ends))
        assert ends[-1][1] <= 32


def test_only_the_network_may_become_another_one():
    digest, version = {("DIGEST_LOW", "DIGEST"), ("DIGEST_HIGH", "DIGEST")}, ("VERSION", "MAP")
    fixed, updatable = INFO.constants, UPDATABLE.constants
    assert fixed.keys() - updatable.keys() == digest
    assert {key for key in fixed.keys() & updatable if fixed[key] != updatable[key]} == {version}
    assert (fixed[version], updatable[version]) == (1, 2)
    assert UPDATABLE.reset_value(BY_NAME["DIGEST_LOW"]) == 0x04030201
    assert UPDATABLE.reset_value(BY_NAME["UPDATE_FORM"]) == 1 << 16 | 8


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"memories": 0}, "memories must be 1 to 255, not 0"),
        ({"memories": 256}, "memories must be 1 to 255, not 256"),
        ({"structure": b"1234567"}, "a structure has 8 bytes, not 7"),
    ],
)
def test_what_no_core_says_of_updates(change, complaint):
    assert UPDATABLE.updates is not None
    with pytest.raises(ValueError, match=complaint):
        replace(UPDATABLE.updates, **change)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"height": 0}, "height must be"),
        ({"classes": 1 << 16}, "classes must be"),
        ({"layers": 0}, "layers must be"),
        ({"clock_hz": 1 << 32}, "clock_hz must be"),
        ({"beat_bits": 16}, "beat_bits must be one of"),
        ({"digest": b"1"}, "a digest has 8 bytes, not 1"),
    ],
)
def test_what_no_core_is(change, complaint):
    entry = {name: getattr(INFO, name) for name in INFO.__dataclass_fields__}
    with pytest.raises(ValueError, match=complaint):
        CoreInfo(**entry | change)


@INFOS
def test_a_compiler_reads_the_header(info, tmp_path):
    (tmp_path / "core.h").write_text(c_header(info, "a network"))
    registers, found = info.registers, [*fields(info.registers)]
    names = [f"{register.name}_OFFSET" for register in registers]
    names += [f"{r.name}_{f.name}_{end}" for r, f in found for end in ("MASK", "SHIFT")]
    names += ["FRAME_BYTES", "FRAME_BEATS", "SUMS"]
    lines = [f'    printf("{name} %lu\\n", (unsigned long)FIREBRICK_{name});' for name in names]
    body = "\n".join(lines)
    (tmp_path / "main.cpp").write_text(
        f'#include <stdio.h>\n#include "core.h"\nint main(void) {{\n{body}\n    return 0;\n}}\n'
    )
    command = [
        "g++",
        "-Wall",
        "-Werror",
        "-pedantic",
        "-o",
        tmp_path / "main",
        tmp_path / "main.cpp",
    ]
    subprocess.run(command, check=True)
    out = subprocess.run([tmp_path / "main"], check=True, capture_output=True, text=True).stdout
    told = dict(line.split() for line in out.splitlines())
    expected = {f"{register.name}_OFFSET": register.address for register in registers}
    expected |= {f"{r.name}_{f.name}_MASK": f.mask for r, f in found}
    expected |= {f"{r.name}_{f.name}_SHIFT": f.low for r, f in found}
    expected |= {"FRAME_BYTES": 72, "FRAME_BEATS": 18, "SUMS": 10}
    assert told == {name: str(value) for name, value in expected.items()}


@INFOS
def test_system_rdl_has_all_fields(info):
    text = system_rdl(info, "a network")
    assert text.count("{") == text.count("}")
    blocks = re.findall(r"reg \{(.*?)\} (\w+) @ 0x(\w+);", text, re.DOTALL)
    assert [(name, int(at, 16)) for _, name, at in blocks] == [
        (register.name, register.address) for register in info.registers
    ]
    software = {Access.READ: "r", Access.WRITE: "rw", Access.CLEAR: "rw"}
    software |= {Access.TRIGGER: "w", Access.PUSH: "w"}
    for (body, _, _), register in zip(blocks, info.registers, strict=True):
        found = re.findall(r"field \{ sw = (\w+);(.*?)\} (\w+)\[(\d+):(\d+)\];", body)
        assert [(name, int(low), int(high), access) for access, _, name, high, low in found] == [
            (f.name, f.low, f.low + f.bits - 1, software[f.access]) for f in register.fields
        ]
        for (_, rest, *_), field in zip(found, register.fields, strict=True):
            assert ("onwrite = woclr" in rest) == (field.access is Access.CLEAR)
            assert ("singlepulse" in rest) == (field.access is Access.TRIGGER)
            assert ("swmod" in rest) == (field.access is Access.PUSH)
    assert ("reset = 32'h88070605" in text) == (info.updates is None)


@INFOS
def test_markdown_has_all_fields(info):
    listed = table(info.registers)
    rows = re.findall(r"^\| `0x(\w+)` \| `(\w+)` \| ([\d:]+) \| `(\w+)` \|", listed, re.MULTILINE)
    found = [(int(at, 16), *rest) for at, *rest in rows]
    assert found == [
        (
            r.address,
            r.name,
            f"{f.low + f.bits - 1}:{f.low}" if f.bits > 1 else str(f.low),
            f.name,
        )
        for r, f in fields(info.registers)
    ]
    text = markdown(info, "a network")
    assert listed in text
    assert ("| `DIGEST_LOW` | `0x04030201` |" in text) == (info.updates is None)
    assert ("| `UPDATE_FORM` | `0x00010008` |" in text) == (info.updates is not None)
    assert "| `CONTROL` | `0x" not in text
