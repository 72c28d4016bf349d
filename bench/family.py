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

from gen.formats.family import Family

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Claim:
    """What the paper's text or tables say of a network, None where they say nothing.

    Attributes
    ----------
    megabytes : str or None
    top1, top5 : float or None
        Percent, on ImageNet's validation set.
    """

    megabytes: str | None = None
    top1: float | None = None
    top5: float | None = None


SQUEEZENET = Claim("4.8", 57.5, 80.3)
"""Table 2."""
SWEEPS: dict[str, dict[str, Claim]] = {
    "figure 3a: squeeze ratio": {
        "sr=0.125": SQUEEZENET,
        "sr=0.25": Claim(),
        "sr=0.375": Claim(),
        "sr=0.5": Claim("13"),
        "sr=0.625": Claim(),
        "sr=0.75": Claim("19", top5=86.0),
        "sr=0.875": Claim(),
        "sr=1.0": Claim(),
    },
    "figure 3b: 3x3 filters": {
        "pct_3x3=0.01,sr=0.5": Claim(),
        "pct_3x3=0.125,sr=0.5": Claim(),
        "pct_3x3=0.25,sr=0.5": Claim(),
        "pct_3x3=0.375,sr=0.5": Claim(),
        "pct_3x3=0.5,sr=0.5": Claim("13", top5=85.6),
        "pct_3x3=0.625,sr=0.5": Claim(),
        "pct_3x3=0.75,sr=0.5": Claim(),
        "pct_3x3=0.875,sr=0.5": Claim(),
        "pct_3x3=0.99,sr=0.5": Claim(),
    },
    "table 3: macroarchitecture": {
        "bypass=none": SQUEEZENET,
        "bypass=simple": Claim("4.8", 60.4, 82.5),
        "bypass=complex": Claim("7.7", 58.8, 82.0),
    },
}
"""By what is swept, what is given of each member. Sections 5.2 and 5.3 say from where to where the
figures sweep, and have these sizes and accuracies; the steps between are ours."""


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
    sizes = {
        sweep: {text: _size(text, claim) for text, claim in members.items()}
        for sweep, members in SWEEPS.items()
    }
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


def _size(text: str, claim: Claim) -> Size:
    member = Family.parse(text)
    count = member.float_bytes
    return Size(member.parameters, member.macs, count, listed(count), claim)


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
