"""Build a component once with Verilator, then test it many times through its streams."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.hdl import Shape
from amaranth.lib import data, stream, wiring

from tests.harness.packing import Packing
from tests.harness.side_by_side import (
    build_side_by_side,
    inner_stream,
    stream_members,
    unit_name,
)
from tests.harness.verilated import VerilatedDesign
from tests.harness.verilog import Write, write_verilog

Frames = Iterable[np.ndarray | Sequence[int]]


@dataclass(frozen=True)
class Monitor:
    """What an internal stream must carry.

    Attributes
    ----------
    signature : stream.Signature
        Of the stream, for instance ``lane_stream(4, unsigned(8))``.
    frames : iterable of arrays
    """

    signature: stream.Signature
    frames: Frames


@dataclass(frozen=True)
class Result:
    """When transfers happened.

    Attributes
    ----------
    stamps : dict
        By stream name, an array of cycle numbers, one a transfer.
    frame_lengths : dict
        By stream name, the number of transfers of each frame.
    """

    stamps: dict[str, np.ndarray]
    frame_lengths: dict[str, list[int]]

    def first(self, name: str) -> int:
        """Cycle of the first transfer of stream ``name``."""
        return int(self.stamps[name][0])

    def last(self, name: str) -> int:
        """Cycle of the last transfer of stream ``name``."""
        return int(self.stamps[name][-1])

    def frame_ends(self, name: str) -> np.ndarray:
        """Cycle of the last transfer of each frame of stream ``name``."""
        return self.stamps[name][np.cumsum(self.frame_lengths[name]) - 1]

    def period(self, name: str) -> int:
        """Cycles from one frame's end to the next at the end of the run: the steady state."""
        ends = self.frame_ends(name)
        return int(ends[-1] - ends[-2])

    def bubbles(self, name: str) -> int:
        """Cycles between first and last transfer of stream ``name`` in which none happened."""
        return self.last(name) - self.first(name) + 1 - len(self.stamps[name])


class Bench:
    """A component that stands in a simulated design, driven and watched through its streams.

    Every run plays frames back to back into the inputs, stalls both sides at random from a seed,
    and checks: each transfer of each output and monitor equals what is expected; valid and payload
    hold until the transfer; everything goes in, everything comes out, and nothing more follows. A
    stuck run ends in a time-out that names the stalled streams.

    Parameters
    ----------
    component : wiring.Component
        All its ports are streams (``i``, ``o``, ``i_*``, ``o_*``).
    design : VerilatedDesign
        Made of a :class:`SideBySide`.
    unit : str
        The component's name in it.
    monitored : sequence of str
        Hierarchical names of the streams inside that the design shows.
    """

    def __init__(
        self,
        component: wiring.Component,
        design: VerilatedDesign,
        unit: str,
        monitored: Sequence[str] = (),
    ):
        self.component = component
        self._packings = {
            name: _packing(member.signature) for name, member in stream_members(component).items()
        }
        self._design, self._unit, self._monitored = design, unit, monitored

    def run(
        self,
        inputs: Mapping[str, Frames],
        outputs: Mapping[str, Frames],
        stalls: Any = 0.0,
        seed: int = 0,
        monitors: Mapping[str, Monitor] | None = None,
        patience: int = 5000,
    ) -> Result:
        """Play ``inputs``, expect ``outputs``.

        Parameters
        ----------
        inputs, outputs : dict
            By port name, the frames: arrays whose values are in stream order (height, width,
            channels), the last axis a multiple of the stream's lanes.
        stalls : float or dict
            Probability that a stream is stalled in a cycle: all of them, or by name (0 for those
            not named). At 0 nothing stalls, and the result shows the full throughput.
        seed : int
        monitors : dict of Monitor
            By hierarchical name, such as ``"fire2.squeeze.o"``; those that the design shows.
        patience : int
            Cycles without any transfer after which the run is given up.

        Raises
        ------
        AssertionError
            Naming the stream, the transfer, and what was expected and seen.
        """
        self._check_names(inputs, outputs, monitors or {})
        entries = {
            name: (f"{self._unit}__{name}", self._packings[name], frames)
            for name, frames in {**inputs, **outputs}.items()
        }
        for name, monitor in (monitors or {}).items():
            path = inner_stream(self._unit, name)
            entries[name] = (path, _packing(monitor.signature), monitor.frames)
        described = {name: _described(name, *entry, stalls) for name, entry in entries.items()}
        spec = {
            "unit": self._unit,
            "seed": seed,
            "patience": patience,
            "inputs": {name: described[name] for name in inputs},
            "outputs": {name: described[name] for name in outputs},
            "monitors": {name: described[name] for name in monitors or {}},
        }
        outcome = self._design.run("tests.harness.bench", spec)
        assert outcome["failure"] is None, (
            f"{outcome['failure']} (seed {seed}, {self._design.last_run})"
        )
        lengths = {n: [len(frame) for frame in d["frames"]] for n, d in described.items()}
        return Result({n: np.array(s) for n, s in outcome["stamps"].items()}, lengths)

    def _check_names(
        self,
        inputs: Mapping[str, Frames],
        outputs: Mapping[str, Frames],
        monitors: Mapping[str, Monitor],
    ) -> None:
        named = {*inputs, *outputs}
        if named != set(self._packings):
            raise ValueError(f"streams {sorted(named)} given, ports are {sorted(self._packings)}")
        if hidden := sorted({*monitors} - {*self._monitored}):
            raise ValueError(f"streams {hidden} are not among the monitored ones")


class StreamBench(Bench):
    """A component in a simulator of its own, see :class:`Bench`.

    Parameters
    ----------
    component : wiring.Component
        All its ports are streams (``i``, ``o``, ``i_*``, ``o_*``).
    name : str
        Of the build folder, which is made inside ``folder``.
    folder : Path
        pytest's ``tmp_path``.
    write : callable, optional
        What writes the design as Verilog.
    monitored : iterable of str
        Hierarchical names of all streams inside that runs have monitors of.
    """

    def __init__(
        self,
        component: wiring.Component,
        name: str,
        folder: Path,
        *,
        write: Write = write_verilog,
        monitored: Iterable[str] = (),
    ):
        made = Path(folder) / name
        made.mkdir()
        unit, monitored = unit_name(0), [*monitored]
        build_side_by_side([component], made, write, [inner_stream(unit, n) for n in monitored])
        super().__init__(component, VerilatedDesign(made, made), unit, monitored)


def _described(
    name: str, path: str, packing: Packing, frames: Frames, stalls: Any
) -> dict[str, Any]:
    """A stream as the simulator is told of it."""
    return {
        "path": path,
        "packing": packing.to_json(),
        "frames": [packing.pack(np.ravel(frame).tolist()) for frame in frames],
        "stall": stalls.get(name, 0.0) if isinstance(stalls, Mapping) else stalls,
    }


def _packing(signature: stream.Signature) -> Packing:
    layout, lanes = signature.members["payload"].shape, 1
    if isinstance(layout, data.ArrayLayout):
        lanes, layout = layout.length, layout.elem_shape
    shape = Shape.cast(layout)
    return Packing(lanes, shape.width, shape.signed)
