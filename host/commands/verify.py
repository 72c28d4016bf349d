"""``python -m host verify``: whether a board computes what it should."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gen.common.console import WRONG
from gen.common.progress import progress_line
from gen.ir.network import QuantizedNetwork
from host.commands.output import Json, keys, print_line, tell_losses
from host.expected import expected_sums
from host.open import open_board, time_scale
from host.options import BoardOptions
from host.stimuli import stimuli
from host.verification import PACES, Comparison, Rate, Verdict
from host.verification import verify as compare

_DIFFERENT = 32
"""Frames that are different, at most, unless there are more pictures: beyond, they come again."""
_SHOWN = 10
"""Classes, and names of frames, that are shown to people."""


def verify(
    options: BoardOptions,
    pictures: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[IMAGE]...", help="Photographs to send beside noise and patterns."),
    ] = None,
    *,
    frames: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="Frames to send at each pace; all pictures at least."
        ),
    ] = 20,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of noise, order and pauses.")] = 0,
    json: Json = False,
) -> None:
    """Verify that a board computes what it should, bit for bit.

    Photographs, patterns and noise are sent back to back, one by one and with random pauses. Every
    class sum is compared with the golden model's, which is computed here from the network in the
    build folder. Exit status 1 if one differs.

    Examples:

    - A real board: `python -m host verify --port /dev/ttyUSB1 cat.jpg`, or `--udp 192.168.1.50`

    - Its simulation: `python -m host verify --sim build/arty_a7`

    - For a rare fault: `python -m host verify --port /dev/ttyUSB1 --frames 10000`
    """
    shown = pictures or []
    options.check_record(shown)
    network = options.network()
    names, pixels = stimuli(network, shown, min(frames, _DIFFERENT), seed)
    with open_board(options, network) as board, progress_line("verify") as progress:
        progress.begin("golden model")
        seen = np.stack([board.coding.seen(frame) for frame in pixels])
        expected = expected_sums(network, seen, progress=progress)
        count, rng = max(frames, len(pixels)), np.random.default_rng(seed)
        found = compare(board, pixels, expected, count=count, rng=rng, progress=progress)
        clock_hz, scale, losses = board.info().clock_hz, time_scale(options, board), board.losses()
    if json:
        print_line(_entry(found, network, names, scale) | {"clock_hz": clock_hz} | keys(losses))
    else:
        console = Console()
        console.print(_rates(found, scale))
        _print_wrong(console, found, network, names)
        _print_speed(console, found, clock_hz)
        tell_losses(console, losses)
        simulated = options.sim is not None
        console.print(_conclusion(found, simulated), soft_wrap=True)
    if found.verdict is not Verdict.RIGHT:
        raise typer.Exit(WRONG)


def _rates(found: Comparison, scale: float) -> Table:
    """Answers at each pace, how many are wrong, and how fast they came."""
    table = Table("frames sent", "answers", "wrong", "frames/s")
    for column in table.columns[1:]:
        column.justify = "right"
    for rate in found.rates:
        wrong = found.wrong_at(rate.pace)
        table.add_row(
            rate.pace.name,
            str(rate.answers),
            Text(str(wrong), "bold red" if wrong else ""),
            f"{_per_second(rate, scale):g}",
        )
    return table


def _per_second(rate: Rate, scale: float) -> float:
    return round(1 / max(rate.interval * scale, 1e-9), 1)


def _print_speed(console: Console, found: Comparison, clock_hz: int) -> None:
    """Print how fast the accelerator is, whatever the link."""
    assert found.cycles is not None
    console.print(
        f"At least {found.cycles} clock cycles from a frame's first pixel to its last class sum, "
        f"{1e3 * found.cycles / clock_hz:.3f} ms at {clock_hz / 1e6:g} MHz.",
        soft_wrap=True,
    )


def _print_wrong(
    console: Console, found: Comparison, network: QuantizedNetwork, names: list[str]
) -> None:
    """Print which classes and frames have wrong sums, if any have."""
    classes = list(_wrong_classes(found, network))
    if not classes:
        return
    table = Table("class", "wrong answers", "different frames", "largest error")
    for column in table.columns[1:]:
        column.justify = "right"
    for entry in classes[:_SHOWN]:
        table.add_row(
            Text(entry["label"]),
            f"{entry['wrong']} of {found.answers.total()}",
            f"{entry['frames']} of {len(names)}",
            f"{entry['largest_error']:+d}",
        )
    console.print(table)
    console.print(f"{len(classes)} of {len(network.labels)} classes have wrong sums.")
    frames = [names[index] for index in found.wrong_frames()]
    more = ", ..." if len(frames) > _SHOWN else ""
    told = "all" if len(frames) == len(names) else ", ".join(frames[:_SHOWN]) + more
    console.print(f"Frames with wrong sums: {told}.", soft_wrap=True, markup=False)


def _wrong_classes(found: Comparison, network: QuantizedNetwork) -> Iterator[dict[str, Any]]:
    """Classes with wrong sums, those that are wrong most often first."""
    if not found.wrong:
        return
    errors = np.stack([one.errors for one in found.wrong])
    counts = (errors != 0).sum(axis=0)
    for label in np.argsort(-counts, kind="stable"):
        if not counts[label]:
            return
        own = errors[:, label]
        yield {
            "class": int(label),
            "label": network.labels[label],
            "wrong": int(counts[label]),
            "frames": len(found.wrong_frames(label)),
            "largest_error": int(own[np.abs(own).argmax()]),
        }


def _entry(
    found: Comparison, network: QuantizedNetwork, names: list[str], scale: float
) -> dict[str, Any]:
    """All of it for programs."""
    return {
        "verdict": found.verdict.value,
        "answers": found.answers.total(),
        "wrong": len(found.wrong),
        "frames": len(names),
        "wrong_frames": [names[index] for index in found.wrong_frames()],
        "classes": list(_wrong_classes(found, network)),
        "paces": [
            {
                "pace": rate.pace.name,
                "answers": rate.answers,
                "wrong": found.wrong_at(rate.pace),
                "frames_per_second": _per_second(rate, scale),
            }
            for rate in found.rates
        ],
        "cycles": found.cycles,
    }


def _conclusion(found: Comparison, simulated: bool) -> Text:
    """What it comes to, and what that points to."""
    what = "The generated hardware" if simulated else "This bitstream"
    total, different = found.answers.total(), len(found.expected)
    if found.verdict is Verdict.RIGHT:
        return Text(
            f"{what} computes what it should: in {total} answers to {different} different frames "
            "every class sum is the golden model's.",
            "bold green",
        )
    text = Text(f"{what} does not compute what it should: ", "bold red")
    text.append(f"{len(found.wrong)} of {total} answers are wrong. ")
    if found.verdict is Verdict.CONSTANT:
        text.append("A frame that has wrong sums has the same ones every time. ")
        text.append(_CONSTANT_SIMULATED if simulated else _CONSTANT)
    else:
        text.append("A frame has other sums when it is sent again. ")
        if not found.wrong_at(PACES[1]):
            text.append("Sent one by one, all were right. ")
        text.append(_VARYING_SIMULATED if simulated else _VARYING)
    return text


_CONSTANT = (
    "That points to the tool that built the bitstream, or to a defect of the part; timing errors "
    "vary. See whether `python -m host verify --sim` of the build folder is right; if so, build "
    "the bitstream again from this folder, with another tool or version if you can "
    "(nextpnr-xilinx without its pull request 159 gets DSP48E1 wrong), and try another board."
)
_CONSTANT_SIMULATED = (
    "That points to the files in the build folder, which are not as they were generated, or to a "
    "fault of the generator: generate it again, and report it if it stays."
)
_VARYING = (
    "That points to timing, or to the supply: see whether the tool's timing report is met, build "
    "it again with a lower --clock or another seed, and keep the board cool and well fed."
)
_VARYING_SIMULATED = (
    "That points to a fault of the generator, in how frames follow each other: report it."
)
