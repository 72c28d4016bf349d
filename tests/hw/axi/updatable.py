"""A core whose contents can be updated, as its folder has it, in a simulator."""

from dataclasses import replace
from pathlib import Path

import pytest

from boards.core import core_target, share_of
from boards.parts import find_part
from gen.common.build_folder import BuildFolder
from gen.ip.emit import SIMULATION, PlannedCore, emit_core
from gen.plan.planner import Goal
from host.new_contents import NewContents
from protocol.contents.image import check_of_all
from protocol.contents.writer import BlockWriter
from protocol.registers import CoreInfo
from tests.harness.shared import locked, shared_folder
from tests.hw.axi.cores import CYCLES, CoreBench, around, small_network
from tests.networks import other_contents, updatable
from tests.protocol.contents.test_key import KEY

BEAT_BITS = 8
BUILD = updatable(small_network(), margin=1)
OTHER = replace(other_contents(BUILD, 5), name="other")


def planned(key: bytes | None = KEY) -> PlannedCore:
    """The core, planned."""
    part = find_part("xc7z020")
    target = core_target(part, share_of(part, "", 0.8), BEAT_BITS, keyed=key is not None)
    goal = Goal(target, fps=target.clock_hz / CYCLES, utilisation=1.0)
    return PlannedCore(BUILD, goal.plan(BUILD), target, key)


class UpdatableBench(CoreBench):
    """Runs of the core of :data:`BUILD`.

    Attributes
    ----------
    folder : BuildFolder
        As ``python -m gen core`` writes it.
    """

    def __init__(self, folder: BuildFolder, info: CoreInfo, built: Path, runs: Path):
        verilog = (folder.path / SIMULATION).read_text()
        super().__init__(BUILD, around(verilog, BEAT_BITS), built, runs)
        self.folder, self._info = folder, info

    @staticmethod
    def of(factory: pytest.TempPathFactory) -> "UpdatableBench":
        shared, core = shared_folder(factory, "updatable_core"), planned()
        folder = BuildFolder(shared / "core")
        with locked(shared):
            if not folder.path.exists():
                emit_core(core, folder)
        return UpdatableBench(folder, core.info, shared / "built", factory.mktemp("updatable"))

    def info(self, beat_bits: int = BEAT_BITS) -> CoreInfo:
        return self._info

    def blocks(self, counter: int = 1, key: bytes | None = KEY) -> list[bytes]:
        """Those that bring :data:`OTHER`."""
        contents, writer = NewContents.of(self.folder, OTHER), BlockWriter(counter, key)
        images = contents.images
        begin = writer.begin(contents.layout.digest)
        rows = [block for at, image in enumerate(images) for block in writer.rows(at, image)]
        check = check_of_all([image.check for image in images])
        return [begin, *rows, writer.commit(check, OTHER.digest)]
