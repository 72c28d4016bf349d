"""Build a component once with Verilator, then test it many times through its streams."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.hdl import Shape
from amaranth.lib import data, stream, wiring

from gen.backend.rtlil import run_yosys, write_rtlil
from tests.harness.packing import Packing
from tests.harness.verilated import TOP, VerilatedDesign
from tests.harness.verilog import write_verilog

Frames = Iterable[np.ndarray | Sequence[int]]
_VISIBLE = ("clk", "rst", "*__valid", "*__ready", "*__payload")
"""Clock, reset and all streams."""


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


class StreamBench:
    """A component in Verilator, driven and watched through its streams by cocotb.

    Every run plays frames back to back into the inputs, stalls both sides at random from a seed,
    and checks: each transfer of each output and monitor equals what is expected; valid and payload
    hold until the transfer; everything goes in, everything comes out, and nothing more follows. A
    stuck run ends in a time-out that names the stalled streams.

    Parameters
    ----------
    component : wiring.Component
        All its ports are streams (``i``, ``o``, ``i_*``, ``o_*``).
    name : str
        Of the build folder, which is made inside ``folder``.
    folder : Path
        pytest's ``tmp_path``, or one of ``tmp_path_factory`` for a bench that several tests share.
    vendor_cells : bool
        Simulate Yosys' models of the vendor's primitives, and not our behavioural model.
    write : callable, optional
        What writes the component as Verilog: a function of it, the file and the top module's name.
    """

    def __init__(
        self,
        component: wiring.Component,
        name: str,
        folder: Path,
        *,
        vendor_cells: bool = False,
        write: Callable[[wiring.Component, Path, str], None] | None = None,
    ):
        self._packings = _stream_packings(component)
        self._folder = Path(folder) / name
        self._folder.mkdir()
        source = self._folder / f"{TOP}.v"
        write = write or (_write_with_vendor_cells if vendor_cells else write_verilog)
        write(component, source, TOP)
        self._design = VerilatedDesign(source, self._folder, _VISIBLE)

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
            By hierarchical name, such as ``"fire2.squeeze.o"``.
        patience : int
            Cycles without any transfer after which the run is given up.

        Raises
        ------
        AssertionError
            Naming the stream, the transfer, and what was expected and seen.
        """
        self._check_ports(inputs, outputs)
        entries = {
            name: (self._packings[name], frames) for name, frames in {**inputs, **outputs}.items()
        }
        for name, monitor in (monitors or {}).items():
            entries[name] = (_packing(monitor.signature), monitor.frames)
        described: dict[str, dict[str, Any]] = {
            name: {
                "packing": packing.to_json(),
                "frames": [packing.pack(np.ravel(frame).tolist()) for frame in frames],
                "stall": stalls.get(name, 0.0) if isinstance(stalls, Mapping) else stalls,
            }
            for name, (packing, frames) in entries.items()
        }
        spec = {
            "seed": seed,
            "patience": patience,
            "inputs": {name: described[name] for name in inputs},
            "outputs": {name: described[name] for name in outputs},
            "monitors": {name: described[name] for name in monitors or {}},
        }
        outcome = self._design.run("tests.harness.bench", spec)
        assert outcome["failure"] is None, f"{outcome['failure']} (seed {seed}, {self._folder})"
        lengths = {n: [len(frame) for frame in d["frames"]] for n, d in described.items()}
        return Result({n: np.array(s) for n, s in outcome["stamps"].items()}, lengths)

    def _check_ports(self, inputs: Mapping[str, Frames], outputs: Mapping[str, Frames]) -> None:
        named = {*inputs, *outputs}
        if named != set(self._packings):
            raise ValueError(f"streams {sorted(named)} given, ports are {sorted(self._packings)}")


def _write_with_vendor_cells(component: wiring.Component, verilog: Path, name: str) -> None:
    design = verilog.with_suffix(".il")
    write_rtlil(component, design, name)
    run_yosys(
        f'read_rtlil "{design}"',
        "read_verilog -defer +/xilinx/cells_sim.v",
        f"hierarchy -check -top {name}",
        "proc -nomux -norom",
        "memory_collect",
        "delete t:$scopeinfo",
        f'write_verilog -norename -noattr "{verilog}"',
    )


def _stream_packings(component: wiring.Component) -> dict[str, Packing]:
    """Of all streams; other outputs are left alone."""
    packings = {}
    for name, member in component.signature.members.items():
        if member.is_port and member.flow is wiring.Out:
            continue
        if not (member.is_signature and isinstance(member.signature, stream.Signature)):
            raise ValueError(f"port {name} is no stream")
        packings[name] = _packing(member.signature)
    return packings


def _packing(signature: stream.Signature) -> Packing:
    layout, lanes = signature.members["payload"].shape, 1
    if isinstance(layout, data.ArrayLayout):
        lanes, layout = layout.length, layout.elem_shape
    shape = Shape.cast(layout)
    return Packing(lanes, shape.width, shape.signed)
