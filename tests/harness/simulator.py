"""A simulator with cocotb in it that takes one run after the other."""

import json
import os
import socket
import subprocess
import sys
import weakref
from pathlib import Path

import cocotb_tools.config
import find_libpython

from tests.harness.light import ENTRIES


class Simulator:
    """A compiled design in a process that waits at power-up, see :mod:`tests.harness.server`.

    It ends when nobody refers to it any more.

    Parameters
    ----------
    program : Path
        What Verilator has made, with cocotb's ``main``.
    top : str
        Name of the top module.
    folder : Path
        Where to run.
    """

    def __init__(self, program: Path, top: str, folder: Path):
        self.log = folder / "simulator.log"
        channel, far_end = socket.socketpair()
        with far_end, self.log.open("w") as log:
            process = subprocess.Popen(
                [program, f"+channel={far_end.fileno()}"],
                cwd=folder,
                env=_environment(top, folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[far_end.fileno()],
            )
        self._channel = channel.makefile("rw")
        channel.close()
        weakref.finalize(self, _end, self._channel, process)

    def run(self, run: dict) -> int | None:
        """Take a run; returns the exit status, none if the simulator is dead."""
        try:
            print(json.dumps(run), file=self._channel, flush=True)
            answer = self._channel.readline()
        except ConnectionError:
            return None
        return int(answer) if answer else None


def _end(channel, process: subprocess.Popen) -> None:
    channel.close()
    process.wait()


def _environment(top: str, folder: Path) -> dict[str, str]:
    """What cocotb's own runner tells it."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYGPI_PYTHON_BIN": sys.executable,
        "GPI_USERS": f"{find_libpython.find_libpython()};{cocotb_tools.config.pygpi_entry_point()}",
        "TOPLEVEL_LANG": "verilog",
        "COCOTB_TOPLEVEL": top,
        "COCOTB_TEST_MODULES": "tests.harness.server",
        "COCOTB_RESULTS_FILE": str(folder / "results.xml"),
        "PYGPI_USERS": ",".join(ENTRIES),
        # Benches raise what they find; to rewrite assertions would load pytest with all plugins.
        "COCOTB_REWRITE_ASSERTION_FILES": "",
    }
