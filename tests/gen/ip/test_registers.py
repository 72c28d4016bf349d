"""What is made of the register map says the same as the map."""

import re
import subprocess
from itertools import pairwise

import pytest

from gen.ip.registers import c_header, markdown, system_rdl, table
from protocol.registers import (
    ADDRESS_BITS,
    BY_NAME,
    REGISTERS,
    WORD_BYTES,
    Access,
    CoreInfo,
    fields,
)

INFO = CoreInfo(4, 6, 3, 10, 5, 32, 100_000_000, b"\x01\x02\x03\x04\x05\x06\x07\x88")


def test_the_map_makes_sense():
    addresses = [register.address for register in REGISTERS]
    assert addresses == sorted(set(addresses))
    assert all(a % WORD_BYTES == 0 and a < 1 << ADDRESS_BITS for a in addresses)
    assert len(BY_NAME) == len(REGISTERS)
    for register in REGISTERS:
        ends = [(field.low, field.low + field.bits) for field in register.fields]
        assert all(end <= low for (_, end), (low, _) in pairwise(ends))
        assert ends[-1][1] <= 32


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


def test_a_compiler_reads_the_header(tmp_path):
    (tmp_path / "core.h").write_text(c_header(INFO, "a network"))
    names = [f"{register.name}_OFFSET" for register in REGISTERS]
    names += [f"{r.name}_{f.name}_{end}" for r, f in fields() for end in ("MASK", "SHIFT")]
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
    found = dict(line.split() for line in out.splitlines())
    expected = {f"{register.name}_OFFSET": register.address for register in REGISTERS}
    expected |= {f"{r.name}_{f.name}_MASK": f.mask for r, f in fields()}
    expected |= {f"{r.name}_{f.name}_SHIFT": f.low for r, f in fields()}
    expected |= {"FRAME_BYTES": 72, "FRAME_BEATS": 18, "SUMS": 10}
    assert found == {name: str(value) for name, value in expected.items()}


def test_system_rdl_has_all_fields():
    text = system_rdl(INFO, "a network")
    assert text.count("{") == text.count("}")
    blocks = re.findall(r"reg \{(.*?)\} (\w+) @ 0x(\w+);", text, re.DOTALL)
    assert [(name, int(at, 16)) for _, name, at in blocks] == [
        (register.name, register.address) for register in REGISTERS
    ]
    software = {Access.READ: "r", Access.WRITE: "rw", Access.CLEAR: "rw", Access.TRIGGER: "w"}
    for (body, _, _), register in zip(blocks, REGISTERS, strict=True):
        found = re.findall(r"field \{ sw = (\w+);(.*?)\} (\w+)\[(\d+):(\d+)\];", body)
        assert [(name, int(low), int(high), access) for access, _, name, high, low in found] == [
            (f.name, f.low, f.low + f.bits - 1, software[f.access]) for f in register.fields
        ]
        for (_, rest, *_), field in zip(found, register.fields, strict=True):
            assert ("onwrite = woclr" in rest) == (field.access is Access.CLEAR)
            assert ("singlepulse" in rest) == (field.access is Access.TRIGGER)
    assert "reset = 32'h88070605" in text


def test_markdown_has_all_fields():
    rows = re.findall(r"^\| `0x(\w+)` \| `(\w+)` \| ([\d:]+) \| `(\w+)` \|", table(), re.MULTILINE)
    found = [(int(at, 16), *rest) for at, *rest in rows]
    assert found == [
        (
            r.address,
            r.name,
            f"{f.low + f.bits - 1}:{f.low}" if f.bits > 1 else str(f.low),
            f.name,
        )
        for r, f in fields()
    ]
    text = markdown(INFO, "a network")
    assert table() in text
    assert "| `DIGEST_LOW` | `0x04030201` |" in text
    assert "| `CONTROL` | `0x" not in text
