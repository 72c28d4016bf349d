"""The registers of a core for people and tools: Markdown, a C header, SystemRDL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hw.axi.core import NAME
from protocol.register_kinds import Access, Field, Register
from protocol.registers import REGISTERS, CoreInfo, fields

ACCESSES = {
    Access.READ: "read",
    Access.WRITE: "read, write",
    Access.CLEAR: "read; writing 1 clears it",
    Access.TRIGGER: "writing 1 does it; reads as 0",
    Access.PUSH: "write; reads as 0",
}
_RDL = {
    Access.READ: "sw = r; hw = w;",
    Access.WRITE: "sw = rw; hw = r; reset = 0;",
    Access.CLEAR: "sw = rw; hw = rw; onwrite = woclr; reset = 0;",
    Access.TRIGGER: "sw = w; hw = r; singlepulse; reset = 0;",
    Access.PUSH: "sw = w; hw = r; swmod;",
}


def bits_of(field: Field) -> str:
    """Which bits it is, such as ``31:16``."""
    high = field.low + field.bits - 1
    return f"{high}:{field.low}" if field.bits > 1 else str(high)


def table(registers: Iterable[Register] = REGISTERS) -> str:
    """All fields of some registers, as a table in Markdown; those of every core if not given."""
    lines = ["| address | register | bits | field | access | what |", "|---|---|---|---|---|---|"]
    for register, field in fields(registers):
        lines.append(
            f"| `0x{register.address:02X}` | `{register.name}` | {bits_of(field)} "
            f"| `{field.name}` | {ACCESSES[field.access]} | {field.about} |"
        )
    return "\n".join(lines) + "\n"


def markdown(info: CoreInfo, network: str) -> str:
    """The registers of one core, with what never changes of them.

    Parameters
    ----------
    info : CoreInfo
    network : str
        Its name.
    """
    lines = [
        f"# Registers of {NAME}: {network}",
        "",
        "32 bits each, on AXI4-Lite (`s_axi_*`), at these addresses from where the core is mapped.",
        "Bits without a field read as 0. An access to any other address ends in `DECERR`, a write",
        "to a register in which nothing can be written in `SLVERR`.",
        "",
        table(info.registers),
        "These never change:",
        "",
        "| register | value |",
        "|---|---|",
    ]
    constant = {name for name, _ in info.constants}
    lines += [
        f"| `{register.name}` | `0x{info.reset_value(register):08X}` |"
        for register in info.registers
        if register.name in constant
    ]
    return "\n".join(lines) + "\n"


def c_header(info: CoreInfo, network: str) -> str:
    """Addresses, masks and shifts for C, and what a driver has to know of the core.

    Parameters
    ----------
    info : CoreInfo
    network : str
        Its name.
    """
    guard = f"{NAME.upper()}_H"
    lines = [
        f"/* Registers of {NAME}: {network}. Written by firebrick. */",
        f"#ifndef {guard}",
        f"#define {guard}",
        "",
        "/* Of this core. */",
        f"#define FIREBRICK_FRAME_BYTES {info.frame_bytes}u",
        f"#define FIREBRICK_FRAME_BEATS {info.frame_beats}u",
        f"#define FIREBRICK_SUMS {info.classes}u",
        "",
        "/* Of all cores: offsets in bytes, and each field's bits. */",
    ]
    lines += (line for register in info.registers for line in _defines(register))
    return "\n".join([*lines, "", "#endif", ""])


def _defines(register: Register) -> Iterator[str]:
    name = f"FIREBRICK_{register.name}"
    yield f"#define {name}_OFFSET 0x{register.address:02X}u"
    for field in register.fields:
        yield f"#define {name}_{field.name}_MASK 0x{field.mask:08X}u"
        yield f"#define {name}_{field.name}_SHIFT {field.low}u"


def system_rdl(info: CoreInfo, network: str) -> str:
    """The same as SystemRDL 2.0.

    Parameters
    ----------
    info : CoreInfo
    network : str
        Its name.
    """
    lines = [
        f"addrmap {NAME} {{",
        f'    name = "{network}";',
        '    desc = "A streaming accelerator of firebrick.";',
        "    default regwidth = 32;",
        "    default accesswidth = 32;",
    ]
    for register in info.registers:
        lines += ["", "    reg {", f'        desc = "{register.about}.";']
        lines += (f"        {_rdl_field(info, register, field)}" for field in register.fields)
        lines.append(f"    }} {register.name} @ 0x{register.address:02X};")
    return "\n".join([*lines, "};", ""])


def _rdl_field(info: CoreInfo, register: Register, field: Field) -> str:
    value = info.constants.get((register.name, field.name))
    access = _RDL[field.access]
    if value is not None:
        access = f"sw = r; hw = na; reset = {field.bits}'h{value:X};"
    high = field.low + field.bits - 1
    return f'field {{ {access} desc = "{field.about}."; }} {field.name}[{high}:{field.low}];'
