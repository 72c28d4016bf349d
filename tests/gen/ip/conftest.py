"""The tiny network as an IP core, written once for all tests of it."""

from dataclasses import dataclass

import pytest

from boards.core import core_target, share_of
from boards.parts import find_part
from gen.common.build_folder import BuildFolder
from gen.ip.emit import PlannedCore, emit_core
from gen.plan.planner import Goal
from tests.harness.shared import locked, shared_folder
from tests.networks import tiny_network

BEAT_BITS = 32


@dataclass(frozen=True)
class Made:
    """A core and its folder."""

    core: PlannedCore
    folder: BuildFolder

    def text(self, name: str) -> str:
        return (self.folder.path / name).read_text()


def planned(part: str, fps: float | None = None) -> PlannedCore:
    network, found = tiny_network(1), find_part(part)
    target = core_target(found, share_of(found, "", 0.8), BEAT_BITS)
    return PlannedCore(network, Goal(target, fps=fps, utilisation=1.0).plan(network), target)


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    shared = shared_folder(tmp_path_factory, "ip_core")
    core, folder = planned("xc7z020clg400-1", fps=150_000), BuildFolder(shared / "core")
    with locked(shared):
        if not folder.path.exists():
            emit_core(core, folder)
    return Made(core, folder)
