"""Pages that follow from the code or from results: the protocol's, benchmarks, accuracy.

``python -m docs.pages`` writes them from their templates; a test holds them against what it would
write.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main
from jinja2 import Environment, FileSystemLoader, StrictUndefined

import bench.cli
from bench.results import Result, stored
from docs.rates import Rates, grouped
from docs.tables import tables
from gen.board_table import board_entries
from gen.common.console import BAD_INPUT, WRONG
from gen.common.errors import INTERRUPTED
from gen.ip import registers
from gen.plan.planner import UTILISATION
from protocol import messages, packets
from protocol.coding.typical import KEEPING, typical_part
from protocol.framing import frame
from protocol.packets import Block, Form, Kind, Packet
from protocol.update_registers import UPDATE_REGISTERS

FOLDER = Path(__file__).parent
PAGES = {
    name: FOLDER / name
    for name in (
        *("commands.md", "protocol.md", "benchmarks.md", "results.md"),
        *("accuracy.md", "coding.md", "explore.md", "ip-core.md", "boards.md"),
    )
} | {"README.md": FOLDER.parent / "README.md"}
"""Files by the names of their templates."""
_SHOWN = 24
"""Bytes of a packet that are shown."""


def page(name: str) -> str:
    """The text of one of :data:`PAGES`."""
    loader = FileSystemLoader(FOLDER / "templates")
    templates = Environment(loader=loader, undefined=StrictUndefined)
    return templates.get_template(f"{name}.j2").render(_contents()).rstrip() + "\n"


def _contents() -> dict[str, Any]:
    """What templates may name."""
    results = stored(bench.cli.BENCHMARKS)
    rates = Rates(results)
    boards = {entry["name"]: entry for entry in board_entries()}
    return {
        "packets": packets,
        "magic": packets.MAGIC.to_bytes(4, "little").decode(),
        "payloads": (
            ("INFO", packets.INFO, messages.DeviceInfo),
            ("STATISTICS", packets.STATISTICS, messages.Statistics),
            ("CONTENTS", packets.CONTENTS, messages.ContentsState),
            ("ACK and NACK", packets.CREDIT, None),
            ("RESULT", packets.RESULT, None),
        ),
        "table": _table,
        "names": _names,
        "attributes": _attributes,
        "hex": lambda value: f"{value:02X}",
        "conversation": _conversation(),
        "example": [(who, what, _line(packet)) for who, what, packet in _example()],
        "about": {name: bench.cli.about(name) for name in bench.cli.NAMES},
        "commands": {program: list(_commands(program)) for program in ("gen", "sim", "host")},
        "statuses": {"fine": 0, "wrong": WRONG, "bad": BAD_INPUT, "interrupted": INTERRUPTED},
        "results": results,
        "told": lambda name: _told(results[name]),
        "grouped": grouped,
        "tens": lambda value: 10 * round(value / 10),
        "percent": lambda scores, name: f"{scores[name]['top1']:.2f}",
        "left": _left,
        "rate": rates.rate,
        "alone": rates.alone,
        "tables": tables,
        "registers": registers.table(),
        "update_registers": registers.table(UPDATE_REGISTERS),
        "boards": boards.values(),
        "planned": _planned,
        "video_board": boards["nexys_video"],
        "video": boards["nexys_video"]["planned"]["v1.1"],
    }


def _planned(board: dict[str, Any], network: str) -> str:
    """Frames a second that are planned for a board, and with what."""
    found = board["planned"][network]
    if found is None:
        return "does not fit"
    told = [f"{found['bits']} bits"] if found["bits"] else []
    if found["utilisation"] != UTILISATION:
        told.append(f"`--utilisation {found['utilisation']}`")
    if found["link"] == "uart" and any(link.startswith("Ethernet") for link in board["links"]):
        told.append("on UART")
    return f"{found['frames_per_second']:.0f}" + (f" ({', '.join(told)})" if told else "")


def _told(result: Result) -> str:
    """What made a result, and when."""
    return f"`{result.command}`, {result.date}"


def _left(size: int, channels: int, steps: int) -> int:
    """Percent of a photograph's bytes that are left of it coded.

    Parameters
    ----------
    size : int
        Rows and columns.
    channels : int
    steps : int
        Which of :data:`KEEPING`.
    """
    return round(100 * typical_part((size, size, channels), KEEPING[steps]))


def _commands(program: str) -> Iterator[tuple[str, str]]:
    """The commands of a program, and what each does."""
    app = importlib.import_module(f"{program}.cli").app
    for name, command in typer.main.get_group(app).commands.items():
        first = (command.help or "").replace("\b", "").strip().split("\n\n")[0]
        yield name, " ".join(first.split())


def _table(block: Block) -> str:
    """The fields of a block."""
    rows, at = ["| byte | field | bytes |", "|---|---|---|"], 0
    for name, size in block.fields:
        rows.append(f"| {at} | `{name}` | {size} |")
        at += size
    return "\n".join(rows)


def _names(title: str, values: type[Kind] | type[Form]) -> str:
    """Names and their numbers."""
    rows = [f"| {title} | number |", "|---|---|"]
    return "\n".join([*rows, *(f"| `{value.name}` | {value.value} |" for value in values)])


def _conversation() -> str:
    """Who says what: the table in the docstring of the packets, a row a kind."""
    lines = (inspect.getdoc(packets) or "").splitlines()
    rule = next(line for line in lines if line.startswith("=="))
    first, _, last = (at for at, line in enumerate(lines) if line == rule)
    columns = [match.span() for match in re.finditer("=+", rule)]
    rows: list[list[str]] = []
    for line in [*lines[first + 1 : first + 2], *lines[first + 3 : last]]:
        cells = [line[start:stop].strip() for start, stop in columns]
        if cells[0]:
            rows.append(cells)
        else:
            rows[-1] = [f"{old} {new}".strip() for old, new in zip(rows[-1], cells, strict=True)]
    made = [f"| {' | '.join(map(_plain, cells))} |" for cells in rows]
    return "\n".join([made[0], "|---|---|---|", *made[1:]])


def _attributes(meaning: type) -> str:
    """What the docstring of a message says of its fields."""
    text = inspect.getdoc(meaning) or ""
    rows: list[str] = []
    for line in text.partition("Attributes\n----------\n")[2].partition("\nRaises")[0].splitlines():
        if line.startswith(" "):
            rows[-1] += f" {line.strip()}"
        elif line:
            rows.append(f"- `{line.partition(' : ')[0].replace(', ', '`, `')}`:")
    return "\n".join(map(_plain, rows))


def _plain(text: str) -> str:
    """A docstring's markup as Markdown's."""
    return re.sub(r":\w+:`", "`", text).replace("``", "`")


def _example() -> tuple[tuple[str, str, Packet], ...]:
    """What is said about a frame of two by two pixels: by whom, what, and the packet."""
    info = messages.DeviceInfo(2, 2, 3, 3, 100_000_000, bytes(range(1, 9)))
    credit = packets.CREDIT.encode(credit=8, spare=0)
    result = packets.RESULT.encode(cycles=1620, network=int.from_bytes(info.digest[:4], "little"))
    sums = b"".join(value.to_bytes(4, "little", signed=True) for value in (-5, 1200, 37))
    pixels = bytes(range(0x77, 0x83))
    return (
        ("host", "forget all; the next frame is 7", Packet(Kind.RESET, 7)),
        ("board", "done", Packet(Kind.RESET, 7)),
        ("host", "what are you?", Packet(Kind.INFO, 1)),
        ("board", "this is what I am", Packet(Kind.INFO, 1, payload=info.encode())),
        ("host", "frame 7, all of it", Packet(Kind.FRAME, 7, payload=pixels)),
        ("board", "room for 8 packets from frame 8 on", Packet(Kind.ACK, 8, payload=credit)),
        ("board", "frame 7: -5, 1200, 37", Packet(Kind.RESULT, 7, payload=result + sums)),
    )


def _line(packet: Packet) -> str:
    """A packet on a serial line, or its beginning, in hexadecimal."""
    data = frame(packet.encode())
    return data[:_SHOWN].hex(" ").upper() + (" …" if len(data) > _SHOWN else "")


def main() -> None:
    """Write all pages."""
    for name, path in PAGES.items():
        path.write_text(page(name))


if __name__ == "__main__":
    main()
