"""What updates cost: bytes and seconds on the line, and what a board that takes them is like."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.link_cases import ARTY, LAN, v1_1_network
from bench.update_lines import simulated
from bench.update_talk import KEY, Contents, small_network
from boards.board import Board
from gen.common.progress import SILENT, Progress
from gen.formats.default import default_network
from gen.formats.fbz import save_fbz
from gen.ir.envelope import with_envelope, without_envelope
from gen.ir.network import QuantizedNetwork
from gen.nodes.contents import contents_layout
from gen.plan.link import answer_seconds, packet_format, packet_seconds
from gen.plan.plan import Plan
from gen.plan.planner import UTILISATION, Goal
from host.update import WINDOWS
from protocol.contents.layout import differing
from protocol.contents.writer import in_frames
from protocol.packets import INFO
from tests.networks import other_contents

LINKS = {"UART at 12 Mbaud": replace(ARTY, baud=12_000_000), "UDP at 100 Mb/s": LAN}
ROOMS = {"any weights": None, "--margin 1": 1}
"""Bits of room for other weights, by what they are called."""


@dataclass(frozen=True)
class Case:
    """A network and the part of a device that it is planned with.

    Attributes
    ----------
    title : str
    network : callable
        Makes it; gets the folder with models and photographs.
    utilisation : float
    needs : str
        File of that folder without which it cannot be made; nothing for most.
    simulated : bool
        Its updates are simulated too.
    """

    title: str
    network: Callable[[Path], QuantizedNetwork]
    utilisation: float = UTILISATION
    needs: str = ""
    simulated: bool = False


CASES = (
    Case("small", lambda _: small_network(), simulated=True),
    Case("default", lambda _: default_network(), simulated=True),
    Case("v1.1", v1_1_network, 0.85, "models/squeezenet1.1.onnx"),
)


@dataclass(frozen=True)
class Sending:
    """An update on a line.

    Attributes
    ----------
    memories : int
    bytes : int
        In frames of contents.
    seconds : float
        That the line takes for the packets, with the answers that are waited for.
    """

    memories: int
    bytes: int
    seconds: float


def one_layer(network: QuantizedNetwork) -> QuantizedNetwork:
    """The network with other weights in its last convolution, as if that alone was trained."""
    last, other = network.convs[-1], other_contents(network, 2).convs[-1]
    ops = tuple(other if op is last else op for op in network.ops)
    return replace(network, ops=ops)


def sending(
    board: Board, made: Plan, build: QuantizedNetwork, network: QuantizedNetwork
) -> Sending:
    """What goes over a board's line while ``python -m host update`` runs.

    Parameters
    ----------
    board : Board
    made : Plan
        Of its network; with a key or without, memories are the same.
    build, network : QuantizedNetwork
        That it holds, and that it is to hold.
    """
    layout = contents_layout(build, made.nodes)
    contents = Contents(network, layout, layout.images(network.convs))
    numbers = differing(contents.images, [image.check for image in layout.images(build.convs)])
    info = packet_format(build, board)
    begin, *blocks = contents.blocks(1, KEY if board.keyed else None, numbers)
    frames = list(in_frames(blocks, WINDOWS * info.credits * info.chunk))

    def packets(size: int) -> float:
        whole, rest = divmod(size, info.chunk)
        last = packet_seconds(board, rest) if rest else 0.0
        return whole * packet_seconds(board, info.chunk) + last

    # A question and its answer: RESET, and INFO and CONTENTS before and behind the update.
    asked = (0, *(INFO.size, info.contents_bytes) * 2)
    talk = sum(packet_seconds(board, 0) + packet_seconds(board, size) for size in asked)
    answer = answer_seconds(build, board)
    # The board takes a window ahead while it answers a frame of contents.
    window = info.credits * packet_seconds(board, info.chunk)
    waits = 2 * answer + (len(frames) - 1) * max(0.0, answer - window)
    seconds = talk + waits + sum(packets(len(frame)) for frame in (begin, *frames))
    return Sending(len(numbers), sum(map(len, (begin, *frames))), seconds)


def others(build: QuantizedNetwork) -> dict[str, QuantizedNetwork]:
    """Networks that an updatable board gets, by how much of it they change."""
    return {"all": other_contents(build, 1), f"{build.convs[-1].name} alone": one_layer(build)}


def updates(
    case: Case, network: QuantizedNetwork, *, progress: Progress = SILENT
) -> dict[str, dict[str, Any]]:
    """Bytes and seconds of updates, by what is sent over which link.

    Parameters
    ----------
    case : Case
    network : QuantizedNetwork
        Of it.
    progress : Progress
    """
    build, figures = with_envelope(network), dict[str, dict[str, Any]]()
    with tempfile.TemporaryDirectory() as folder:
        file = save_fbz(network, Path(folder) / "network.fbz")
    for link, open_board in LINKS.items():
        progress.begin(f"{case.title}, {link}")
        keyed = replace(open_board, keyed=True)
        made = Goal(keyed, utilisation=case.utilisation).plan(build)
        seen = simulated(build, made, keyed, others(build)) if case.simulated else {}
        for who, board in (("open", open_board), ("keyed", keyed)):
            told = seen if board.keyed else {}
            for what, network in others(build).items():
                got = sending(board, made, build, network)
                figures[f"{case.title}, {what}, {link}, {who}"] = {
                    "memories": got.memories,
                    "bytes": got.bytes,
                    "bytes of .fbz": file,
                    "ms, computed": _ms(got.seconds),
                    "ms, simulated": _ms(told.get(what)),
                }
    return figures


def _ms(seconds: float | None) -> float | None:
    """Milliseconds for a table."""
    return None if seconds is None else round(1000 * seconds, 2)


def boards(
    case: Case, network: QuantizedNetwork, *, progress: Progress = SILENT
) -> dict[str, dict[str, Any]]:
    """What boards of a network are planned to take, with and without updates.

    Parameters
    ----------
    case : Case
    network : QuantizedNetwork
        Of it.
    progress : Progress
    """
    figures = {}
    for title, planned, keyed in _kinds(network):
        progress.begin(f"{case.title}, {title}")
        made = Goal(replace(ARTY, keyed=keyed), utilisation=case.utilisation).plan(planned)
        parts = made.resources
        figures[f"{case.title}, {title}"] = {
            "frames/s": round(made.frames_per_second, 1),
            "LUT": round(parts.lut),
            "FF": round(parts.ff),
            "RAMB36": parts.bram36,
            "DSP": parts.dsp,
        }
    return figures


def _kinds(network: QuantizedNetwork) -> Iterator[tuple[str, QuantizedNetwork, bool]]:
    """Ways to build a network: titles, what is built, and whether it has a key."""
    yield "fixed", without_envelope(network), False
    for title, margin in ROOMS.items():
        made = with_envelope(network, margin)
        for keyed in (False, True):
            yield f"{title}, {'keyed' if keyed else 'open'}", made, keyed
