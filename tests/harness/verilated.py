"""Compile Verilog with Verilator for cocotb, and run cocotb benches on it."""

import hashlib
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import cocotb_tools.config

from sim.toolchain import VerilatorTool, verilator_environment
from sim.verilate import split_memories
from tests.harness.shared import locked
from tests.harness.simulator import Simulator
from tests.harness.verilog import Wires

TOP = "top"
_HERE = Path(__file__).parent
_CACHE = _HERE.parents[1] / "build" / "verilated"
"""Where what is the same in every build is kept, for the next run of the tests too."""


class _Build:
    """The steps from Verilog to a program, in a folder."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._log = folder / "build.log"
        self._tool = verilator_environment()

    def verilate(self, source: Path, ports: Sequence[str], inner: Sequence[Wires]) -> None:
        rules = self._folder / "visible.vlt"
        lines = [f'public_flat_rw -module "{TOP}" -var "{name}"\n' for name in ports]
        lines += [f'public_flat_rd -module "{module}" -var "{name}"\n' for module, name in inner]
        rules.write_text("`verilator_config\n" + "".join(lines))
        arguments = ["-cc", "--vpi", "-Wno-fatal", "--prefix", "Vtop", "--top-module", TOP]
        arguments += ["--timescale", "1ns/1ps", "--x-assign", "unique", "--output-split", "0"]
        arguments += ["--no-decoration"]
        arguments += ["-Mdir", str(self._folder / "obj")]
        self._execute([self._tool.path, *arguments, rules, self._without_memories(source)])

    def _without_memories(self, source: Path) -> Path:
        """The design, which reads what its memories begin with when it is started.

        As C++ these rows would be most of what is compiled.
        """
        design, memories = split_memories(source.read_text(), self._folder / "memories")
        for path, rows in memories.items():
            path.parent.mkdir(exist_ok=True)
            path.write_text(rows)
        read = self._folder / "design.v"
        read.write_text(design)
        return read

    def compile(self) -> None:
        self._make(f"RUNTIME={self._runtime()}", TOP)

    def _runtime(self) -> Path:
        """The folder with what is the same in every build; made by the first one."""
        folder = _CACHE / _cache_key(self._tool)
        if not folder.exists():
            with locked(_CACHE):
                if not folder.exists():
                    self._make(f"RUNTIME={folder}", "-j", "2", "runtime")
        return folder

    def _make(self, *arguments: str) -> None:
        make = ["make", "-C", str(self._folder / "obj"), "-f", str(_HERE / "verilated.mk")]
        files = [f"MAIN={_HERE / 'main.cpp'}", f"COCOTB={cocotb_tools.config.libs_dir.parent}"]
        self._execute([*make, *files, *arguments, *self._tool.make_args])

    def _execute(self, command: Sequence[str | Path]) -> None:
        with self._log.open("a") as file:
            done = subprocess.run(
                command, env=self._tool.env, stdout=file, stderr=subprocess.STDOUT, check=False
            )
        if done.returncode:
            raise AssertionError(f"{command[0]} failed\n{_tail(self._log)}")


def build(source: Path, folder: Path, ports: Sequence[str], inner: Sequence[Wires] = ()) -> None:
    """Compile a design with cocotb.

    Parameters
    ----------
    source : Path
        Verilog, its top module called ``top``.
    folder : Path
        Where to build.
    ports : sequence of str
        Patterns of the top's wires that cocotb may see and write.
    inner : sequence of Wires
        What it may see inside. Each wire that is shown stays as it is in the Verilog, and makes
        builds and simulations slower.

    Raises
    ------
    AssertionError
        With the end of what the tool printed.
    """
    made = _Build(folder)
    made.verilate(source, ports, inner)
    made.compile()


def program(folder: Path) -> Path:
    """What :func:`build` makes in a folder."""
    return folder / "obj" / TOP


class VerilatedDesign:
    """A design in Verilator, waiting at power-up.

    Attributes
    ----------
    last_run : Path
        The folder of the last run.

    Parameters
    ----------
    built : Path
        Where :func:`build` has compiled it.
    folder : Path
        Where to run.
    """

    def __init__(self, built: Path, folder: Path):
        self._folder = self.last_run = folder
        self._simulator = Simulator(program(built), TOP, folder)
        self._runs = 0

    def run(self, bench: str, spec: dict) -> dict:
        """Simulate from power-up under a bench.

        Parameters
        ----------
        bench : str
            Dotted name of a module with a coroutine ``play(dut, spec)``.
        spec : dict
            What that is given; as JSON can hold it.

        Returns
        -------
        dict
            What the bench returned.
        """
        folder = self.last_run = self._folder / f"run{self._runs}"
        folder.mkdir()
        self._runs += 1
        log, result = folder / "simulation.log", folder / "result.json"
        run = {"bench": bench, "spec": spec, "log": str(log), "result": str(result)}
        (folder / "run.json").write_text(json.dumps(run))
        status = self._simulator.run(run)
        if status is None:
            raise AssertionError(f"the simulator ended\n{_tail(self._simulator.log)}")
        if status or not result.exists():
            raise AssertionError(f"simulation failed (exit status {status})\n{_tail(log)}")
        return json.loads(result.read_text())


def _cache_key(tool: VerilatorTool) -> str:
    parts = (
        tool.path,
        tool.path.stat().st_mtime_ns,
        tool.make_args,
        (_HERE / "verilated.mk").read_text(),
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _tail(log: Path, lines: int = 25) -> str:
    return "\n".join(log.read_text().splitlines()[-lines:]) if log.exists() else "no log"
