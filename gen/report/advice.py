"""What would feed the accelerator better, where its link carries too little."""

from __future__ import annotations

from collections.abc import Iterator

from gen.plan.linked import LinkedGoal
from gen.plan.rates import Rates
from gen.report.figures import Figures
from gen.report.rows import LinkRow
from protocol.coding.rules import LOSSLESS, RAW

ENOUGH = 0.5
"""Part of the accelerator's frames that a link should carry."""


def better_link(figures: Figures) -> str:
    """Which link would carry more, if the chosen one carries less than half; nothing if not."""
    wanted = figures.plan.frames_per_second
    if figures.link.frames_per_second >= ENOUGH * wanted:
        return ""
    part = figures.link.frames_per_second / wanted
    told = f"The link carries {part:.0%} of what the accelerator computes"
    best = _best(figures.links, wanted)
    if best is None:
        return f"{told}, and this board has no faster one."
    row, coding, rate = best
    options = " ".join(filter(None, (row.options, "" if coding == RAW else "--frames coded")))
    how = f" with --coding {coding}" if coding not in (RAW, LOSSLESS) else ""
    return (
        f"{told}; {row.name}{f' ({options})' if options else ''}{how} would carry "
        f"{rate:.1f} frames/s."
    )


def _best(links: tuple[LinkRow, ...], wanted: float) -> tuple[LinkRow, str, float] | None:
    """The first way in which a link carries as much as is wanted, or the most that one does."""
    chosen = next(row for row in links if row.chosen)
    ways = [
        (row, coding, rate)
        for row in links
        for coding, rate in row.ways.items()
        if rate > chosen.carries
    ]
    enough = [way for way in ways if way[2] >= wanted]
    if enough:
        return enough[0]
    return max(ways, key=lambda way: way[2], default=None)


def advice(figures: Figures, asked: LinkedGoal) -> Iterator[str]:
    """What to say at the end of a build of its link.

    Parameters
    ----------
    figures : Figures
    asked : LinkedGoal
        What they were planned for.
    """
    plan, board, fps = figures.plan, figures.board, asked.goal.fps
    if fps is not None and not asked.past_link and plan.frames_per_second < fps:
        yield (
            f"Planned for what the link carries, not for {fps:g} frames/s; --past-link plans for "
            "them all the same."
        )
    rates = Rates.of(figures.network, board, plan.clock_hz)
    wanted = asked.coded is None and rates.needs_coding(plan.frames_per_second, fps)
    if wanted and not board.coded:
        yield "Raw frames only: beside this network is no room for the decoder of coded ones."
    if better := better_link(figures):
        yield better
