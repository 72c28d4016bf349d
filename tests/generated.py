"""Boards generated from the tiny network, each once for all tests that need it."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image

from boards import BOARDS
from boards.board import Board
from gen.backend.emit import emit
from gen.common.build_folder import BuildFolder
from gen.common.console import run_app
from gen.ir.network import QuantizedNetwork
from gen.link_options import Address, on_lan
from gen.plan.planner import plan
from sim.frames import GeneratedBoard
from sim.verilate import build
from tests.harness.shared import locked, shared_folder
from tests.networks import tiny_network


def generated(
    tmp_path_factory: pytest.TempPathFactory, name: str, network: QuantizedNetwork, target: Board
) -> GeneratedBoard:
    """A network, generated for a board once.

    Parameters
    ----------
    tmp_path_factory : pytest.TempPathFactory
    name : str
        Of both together.
    network : QuantizedNetwork
    target : Board
    """
    shared = shared_folder(tmp_path_factory, "boards")
    folder = BuildFolder(shared / name)
    with locked(shared):
        if not folder.path.exists():
            emit(network, plan(network, target), target, folder)
    return GeneratedBoard.load(folder)


@pytest.fixture(scope="session")
def tiny_board(tmp_path_factory: pytest.TempPathFactory) -> GeneratedBoard:
    """The tiny network for an Arty A7 that takes coded frames too, its simulation compiled."""
    board = generated(
        tmp_path_factory, "tiny", tiny_network(1), replace(BOARDS["arty_a7"], coded=True)
    )
    build(board.folder.sim_verilog, board.folder.simulation)
    return board


@pytest.fixture(scope="session")
def tiny_on_ethernet(tmp_path_factory: pytest.TempPathFactory) -> GeneratedBoard:
    """The tiny network for an Arty A7 on Ethernet."""
    target = on_lan(BOARDS["arty_a7"], Address(ip="10.1.2.3", port=5000))
    return generated(tmp_path_factory, "tiny_ethernet", tiny_network(1), target)


def run_command(monkeypatch: pytest.MonkeyPatch, app: typer.Typer, *arguments: object) -> int:
    """Run a command line as its ``__main__`` does; returns the exit status."""
    monkeypatch.setattr(sys, "argv", ["command", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        run_app(app)
    return int(caught.value.code or 0)


def photographs(folder: Path, count: int) -> list[Path]:
    """Small random pictures to classify."""
    rng = np.random.default_rng(5)
    paths = [folder / f"photo{index}.png" for index in range(count)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(path)
    return paths
