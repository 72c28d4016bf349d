"""Family: sizes of the networks that the SqueezeNet paper sweeps, beside what the paper says.

F. N. Iandola et al., arXiv:1602.07360v4. The sizes that its section 5 gives, 4.8, 13 and 19 MB, are
those of parameters of 4 bytes in megabytes of 2**20, rounded up as ``ls -lh`` does (18.47 to 19);
no other rounding or megabyte gives all three. Table 3's 7.7 MB of complex bypass are not: 1x1
convolutions where section 6 has them, around the modules that change the number of channels, make
6.1, and around all modules 8.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from gen.explore.paper import MEBIBYTE, Claim, claim
from gen.formats.family import Family

SWEEPS: dict[str, tuple[str, ...]] = {
    "figure 3a: squeeze ratio": (
        *(f"sr={ratio}" for ratio in (0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0)),
    ),
    "figure 3b: 3x3 filters": (
        *(
            f"pct_3x3={part},sr=0.5"
            for part in (0.01, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 0.99)
        ),
    ),
    "table 3: macroarchitecture": ("bypass=none", "bypass=simple", "bypass=complex"),
}
"""Members by what is swept. Sections 5.2 and 5.3 say from where to where the figures sweep; the
steps between are ours."""


@dataclass(frozen=True)
class Size:
    """A member's numbers, and the paper's."""

    parameters: int
    macs: int
    float_bytes: int
    megabytes: str
    paper: Claim


def run(console: Console, shared: Path, limit: int | None = None) -> dict[str, dict[str, Size]]:
    """Count, print tables, and return sizes by sweep and member.

    Parameters
    ----------
    console : Console
    shared : Path
        Not needed: nothing is read.
    limit : int or None
        Not needed either.
    """
    sizes = {sweep: {text: _size(text) for text in members} for sweep, members in SWEEPS.items()}
    for sweep, members in sizes.items():
        console.print(_table(sweep, members))
    console.print("MB of 2**20 bytes, rounded up; then the paper's, and its accuracies in percent")
    return sizes


def listed(count: int) -> str:
    """Bytes in megabytes as the paper has them, and as ``ls -lh`` lists files of that size.

    Of 2**20 bytes, rounded up, to a tenth below 10.
    """
    tenths = -(-10 * count // MEBIBYTE)
    return f"{tenths / 10:.1f}" if tenths < 100 else str(-(-count // MEBIBYTE))


def _size(text: str) -> Size:
    member = Family.parse(text)
    count = member.float_bytes
    return Size(member.parameters, member.macs, count, listed(count), claim(member))


def _table(sweep: str, members: dict[str, Size]) -> Table:
    table = Table("network", title=sweep)
    table.title_justify = "left"
    for name in ("parameters", "10^6 MACs", "MB", "paper", "top-1", "top-5"):
        table.add_column(name, justify="right")
    for text, size in members.items():
        ours = (str(size.parameters), f"{size.macs / 1e6:.0f}", size.megabytes)
        paper = (size.paper.megabytes, size.paper.top1, size.paper.top5)
        table.add_row(text, *ours, *("" if value is None else str(value) for value in paper))
    return table
