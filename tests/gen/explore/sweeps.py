"""Sweeps with results that were made up, for what shows and keeps them."""

from dataclasses import replace

from gen.explore.point import Design, Result
from gen.explore.row import Row, rows_of
from gen.explore.space import Space, Sweep
from gen.ir.widths import Width

DESIGN = Design(
    cycles=1_000_000, clock_hz=100_000_000, lut=50_000, ff=31_967, dsp=240, bram36=134.5,
    multipliers=900, limits="DSP, RAMB36",
)  # fmt: skip


FOUR_BITS = (Width(4),)


def made_space(*sweeps: str, boards=("arty_a7",), widths=FOUR_BITS, **fixed) -> Space:
    """Sweeps of whatever family, with ``fixed`` metaparameters."""
    return Space(tuple(map(Sweep.parse, sweeps)), fixed, boards, widths, None, 0.8)


def made_results(space: Space) -> dict:
    """By point: slower with more parameters; the last one of each width does not fit."""
    results, points = {}, list(space.points())
    for point in points:
        family = point.family()
        design = replace(DESIGN, cycles=family.macs // (300 if point.width.bits == 4 else 200))
        results[point] = Result(family.parameters, family.macs, design)
    for last in {(p.board, p.width): p for p in points}.values():
        why = f"squeezenet does not fit {last.board}: it needs [too] much; take less"
        results[last] = replace(results[last], design=None, why=why)
    return results


def made_rows(space: Space) -> list[Row]:
    return rows_of(list(space.points()), made_results(space))
