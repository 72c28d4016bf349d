"""From components to RTLIL and, with Yosys in a process of its own, to Verilog.

Memories stay arrays with their initial contents, the hierarchy stays, and ports keep their names:
port ``i.payload`` of a component is ``i__payload``, of the top and of every submodule.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

from amaranth.back import rtlil
from amaranth.lib.wiring import Component

from gen.errors import FirebrickError

_YOSYS_CODE = """\
import sys
from pyosys import libyosys
design = libyosys.Design()
for command in sys.argv[1:]:
    libyosys.run_pass(command, design)
"""


def write_rtlil(component: Component, path: str | Path, name: str) -> None:
    """Elaborate ``component`` and write it to ``path`` as RTLIL, its top module called ``name``."""
    Path(path).write_text(rtlil.convert(component, name=name, emit_src=False))


def rtlil_to_verilog(rtlil_path: str | Path, verilog_path: str | Path) -> None:
    """Translate an RTLIL file to Verilog with Yosys.

    Raises
    ------
    FirebrickError
        With Yosys' own message, if it fails.
    """
    run_yosys(
        f'read_rtlil "{Path(rtlil_path)}"',
        "proc -nomux -norom",
        "memory_collect",
        "delete t:$scopeinfo",
        f'write_verilog -norename -noattr "{Path(verilog_path)}"',
    )
    _check_complete(Path(verilog_path))


def split_top(rtlil_path: str | Path, submodule: str, name: str, stem: str) -> None:
    """Make Verilog of a board top, and RTLIL and Verilog of a module in it, all in one folder.

    Parameters
    ----------
    rtlil_path : path
        The board top; its Verilog lands beside it.
    submodule : str
        Full name of the module inside it that becomes the top of the second design.
    name : str
        What that module is called there.
    stem : str
        Of the second design's files.
    """
    path = Path(rtlil_path)
    inner = path.with_name(stem)
    run_yosys(
        f'read_rtlil "{path}"',
        "proc -nomux -norom",
        "memory_collect",
        "attrmap -remove src -remove top -remove generator",
        f'write_verilog -norename "{path.with_suffix(".v")}"',
        f"hierarchy -top {submodule}",
        f"rename {submodule} {name}",
        f'write_rtlil "{inner.with_suffix(".il")}"',
        f'write_verilog -norename -noattr "{inner.with_suffix(".v")}"',
    )
    for written in (path.with_suffix(".v"), inner.with_suffix(".il"), inner.with_suffix(".v")):
        _check_complete(written)


def _check_complete(path: Path) -> None:
    """Check that a file ends as it should: Yosys does not notice a full disk."""
    ending = b"endmodule\n" if path.suffix == ".v" else b"end\n"
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - len(ending), 0))
        if file.read() != ending:
            raise FirebrickError(f"{path.name}: Yosys could not write all of it; is the disk full?")


def check_yosys() -> None:
    """Check that Yosys is there.

    Raises
    ------
    FirebrickError
        Naming the package to install.
    """
    if importlib.util.find_spec("pyosys") is None:
        raise FirebrickError(
            "writing Verilog needs Yosys, the Python package `pyosys`; "
            "install it (`uv sync`, or `pip install pyosys`)"
        )


def run_yosys(*commands: str) -> str:
    """Run Yosys commands in a process of their own; returns what Yosys printed.

    Raises
    ------
    FirebrickError
        If Yosys is missing or a command fails.
    """
    check_yosys()
    done = subprocess.run(
        [sys.executable, "-c", _YOSYS_CODE, *commands],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        errors = [line for line in lines if "error" in line.lower()]
        reason = (errors or lines or ["no message"])[-1]
        raise FirebrickError(f"Yosys failed: {reason}")
    return done.stdout
