"""Compile Verilog with Verilator for cocotb, and run cocotb tests on it."""

import hashlib
import json
import logging
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import cocotb_tools.config
from cocotb_tools.runner import get_runner

from sim.toolchain import VerilatorTool, verilator_environment

TOP = "top"
_CACHE = Path(__file__).parents[2] / "build" / "verilated"
"""Verilator's own objects, which are the same in every build and take most of its time.

cocotb's ``main`` is not among them: it makes the design's top, whose size it compiles in.
"""

_OPTIMISE = ("OPT_FAST=-O1", "OPT_SLOW=-O0", "OPT_GLOBAL=-O1")


class VerilatedDesign:
    """A design in Verilator.

    Parameters
    ----------
    source : Path
        Verilog, its top module called ``top``.
    folder : Path
        Where to build and to run.
    visible : sequence of str
        Patterns of the wires that cocotb may see, in every module. Showing all of them makes
        builds many times slower.
    """

    def __init__(self, source: Path, folder: Path, visible: Sequence[str]):
        self.folder = folder
        self._runs = 0
        self._tool = verilator_environment()
        self._runner = get_runner("verilator")
        self._runner.log.setLevel(logging.WARNING)
        self._build(source, visible)

    def _build(self, source: Path, visible: Sequence[str]) -> None:
        """What cocotb's runner does, but with the parts that never change taken from a cache."""
        build_dir = self.folder / "obj"
        libraries = cocotb_tools.config.libs_dir
        main = cocotb_tools.config.share_dir / "lib" / "verilator" / "verilator.cpp"
        log = self.folder / "build.log"
        rules = self.folder / "visible.vlt"
        lines = [f'public_flat_rw -module "*" -var "{name}"\n' for name in visible]
        rules.write_text("`verilator_config\n" + "".join(lines))
        arguments = ["-cc", "--exe", "--vpi", "-Wno-fatal"]
        arguments += ["--prefix", "Vtop", "--top-module", TOP, "-o", TOP, "-Mdir", str(build_dir)]
        arguments += ["--timescale", "1ns/1ps", "--x-assign", "unique", "--output-split", "20000"]
        arguments += ["-LDFLAGS", f"-Wl,-rpath,{libraries} -L{libraries} -lcocotbvpi_verilator"]
        self._execute([self._tool.path, *arguments, main, rules, source], log)
        cache = _CACHE / _cache_key(self._tool)
        cache.mkdir(parents=True, exist_ok=True)
        for path in cache.glob("*.o"):
            shutil.copyfile(path, build_dir / path.name)
        make = ["make", "-j", "2", "-C", build_dir, "-f", "Vtop.mk", *_OPTIMISE]
        self._execute([*make, *self._tool.make_args], log)
        for path in build_dir.glob("verilated*.o"):
            if not (cache / path.name).exists():
                part = cache / f"{path.name}.{os.getpid()}"
                shutil.copyfile(path, part)
                os.replace(part, cache / path.name)

    def _execute(self, command: list, log: Path) -> None:
        with log.open("a") as file:
            done = subprocess.run(
                [str(part) for part in command],
                env=self._tool.env,
                stdout=file,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode:
            raise AssertionError(f"{command[0]} failed\n{_tail(log)}")

    def run(self, test_module: str, spec: dict) -> dict:
        """Simulate from power-up under a cocotb test.

        Parameters
        ----------
        test_module : str
            Dotted name. Its test reads the JSON file that the plusarg ``bench`` names: ``spec``,
            and under ``"result"`` the path of the JSON file that it must write.
        spec : dict

        Returns
        -------
        dict
            What the test wrote.
        """
        folder = self.folder / f"run{self._runs}"
        folder.mkdir()
        self._runs += 1
        result = folder / "result.json"
        stimulus = folder / "stimulus.json"
        stimulus.write_text(json.dumps({**spec, "result": str(result)}))
        log = folder / "simulation.log"
        try:
            self._runner.test(
                test_module=test_module,
                hdl_toplevel=TOP,
                hdl_toplevel_lang="verilog",
                build_dir=self.folder / "obj",
                test_dir=folder,
                plusargs=[f"+bench={stimulus}"],
                log_file=log,
            )
        except (RuntimeError, SystemExit) as error:
            raise AssertionError(f"simulation failed: {error}\n{_tail(log)}") from None
        if not result.exists():
            raise AssertionError(f"simulation left no result\n{_tail(log)}")
        return json.loads(result.read_text())


def _cache_key(tool: VerilatorTool) -> str:
    parts = (tool.path, tool.path.stat().st_mtime_ns, tool.make_args, _OPTIMISE)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _tail(log: Path, lines: int = 25) -> str:
    return "\n".join(log.read_text().splitlines()[-lines:]) if log.exists() else "no log"
