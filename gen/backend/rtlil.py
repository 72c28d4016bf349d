"""From components to RTLIL and, with Yosys in a process of its own, to Verilog.

Memories stay arrays with their initial contents, the hierarchy stays, and ports keep their names:
port ``i.payload`` of a component is ``i__payload``, of the top and of every submodule.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from amaranth.back import rtlil
from amaranth.lib.wiring import Component

from gen.common.collection import no_collection
from gen.common.errors import FirebrickError, require_package
from hw.arith import dsp48

_YOSYS_CODE = """\
import sys
from pyosys import libyosys
design = libyosys.Design()
for command in sys.argv[1:]:
    libyosys.run_pass(command, design)
"""


def write_rtlil(component: Component, path: str | Path, name: str) -> None:
    """Elaborate a component and write it as RTLIL.

    Parameters
    ----------
    component : Component
    path : path
    name : str
        Of its top module.
    """
    with no_collection():
        text = rtlil.convert(component, name=name, emit_src=False)
    Path(path).write_text(text)


def rtlil_to_verilog(rtlil_path: str | Path, verilog_path: str | Path) -> None:
    """Translate an RTLIL file to Verilog with Yosys.

    Raises
    ------
    FirebrickError
        If Yosys is missing, or with its own message if it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        run_yosys(
            f'read_rtlil "{Path(rtlil_path)}"',
            *_behavioural(Path(rtlil_path), Path(folder)),
            "proc -nomux -norom",
            "memory_collect",
            "delete t:$scopeinfo",
            f'write_verilog -norename -noattr "{Path(verilog_path)}"',
        )
    _check_complete(Path(verilog_path))


MODULE = "module"
"""What a module of a design is called where another one is put around it."""


def split_top(rtlil_path: str | Path, submodule: str, around: Path, name: str, stem: str) -> None:
    """Make Verilog of a board top, and RTLIL and Verilog of a module in it, all in one folder.

    Parameters
    ----------
    rtlil_path : path
        The board top; its Verilog lands beside it.
    submodule : str
        Full name of the module inside it that the second design is made of.
    around : path
        RTLIL of the second design's top, which instantiates that module as :data:`MODULE`.
    name : str
        Of that top.
    stem : str
        Of the second design's files.

    Raises
    ------
    FirebrickError
        If Yosys is missing, or with its own message if it fails.
    """
    path = Path(rtlil_path)
    inner = path.with_name(stem)
    with tempfile.TemporaryDirectory() as folder:
        run_yosys(
            f'read_rtlil "{path}"',
            "proc -nomux -norom",
            "memory_collect",
            "attrmap -remove src -remove top -remove generator",
            f'write_verilog -norename "{path.with_suffix(".v")}"',
            *_behavioural(path, Path(folder)),
            *_enclose(submodule, around, name),
            "attrmap -remove src -remove top -remove generator",
            f'write_rtlil "{inner.with_suffix(".il")}"',
            f'write_verilog -norename -noattr "{inner.with_suffix(".v")}"',
        )
    for written in (path.with_suffix(".v"), inner.with_suffix(".il"), inner.with_suffix(".v")):
        _check_complete(written)


def extract(
    rtlil_path: str | Path,
    module: str,
    around: Path,
    name: str,
    out: Path,
    *,
    also: Sequence[str] = (),
) -> None:
    """Make Verilog of a module in a design, inside another one that instantiates it.

    Parameters
    ----------
    rtlil_path : path
        The design.
    module : str
        Full name of the module in it.
    around : path
        RTLIL of the new top, which instantiates that module as :data:`MODULE`.
    name : str
        Of the new top.
    out : path
        Where the Verilog goes.
    also : sequence of str
        Yosys commands that read what else the new top instantiates.

    Raises
    ------
    FirebrickError
        If Yosys is missing, or with its own message if it fails.
    """
    path = Path(rtlil_path)
    with tempfile.TemporaryDirectory() as folder:
        run_yosys(
            f'read_rtlil "{path}"',
            *_behavioural(path, Path(folder)),
            *_enclose(module, around, name, also),
            "delete t:$scopeinfo",
            f'write_verilog -norename -noattr "{out}"',
        )
    _check_complete(out)


def _enclose(module: str, around: Path, name: str, also: Sequence[str] = ()) -> list[str]:
    """Commands that leave nothing but a module of the design and what is put around it."""
    return [
        f"hierarchy -top {module}",
        f"rename {module} {MODULE}",
        f'read_rtlil "{around}"',
        *also,
        f"hierarchy -check -top {name}",
        "proc -nomux -norom",
        "memory_collect",
    ]


def _behavioural(path: Path, folder: Path) -> list[str]:
    """Commands that put behavioural models in the place of the vendor's primitives in a design."""
    if not path.is_file() or f"cell \\{dsp48.CELL} " not in path.read_text():
        return []
    behaviour = folder / "behaviour.il"
    write_rtlil(dsp48.BehaviouralDSP48E1(), behaviour, dsp48.CELL)
    unset = " ".join(f"-unset {name}" for name in dsp48.PARAMETER_NAMES)
    return [f'read_rtlil "{behaviour}"', f"proc {dsp48.CELL}", f"setparam {unset} t:{dsp48.CELL}"]


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
    require_package("pyosys", "writing Verilog needs Yosys")


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
