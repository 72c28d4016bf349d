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

from gen.backend.behaviour import behavioural
from gen.common.collection import no_collection
from gen.common.errors import FirebrickError, require_package

_YOSYS_CODE = """\
import sys
from pyosys import libyosys
design = libyosys.Design()
for command in sys.argv[1:]:
    libyosys.run_pass(command, design)
"""


def write_rtlil(
    component: Component, path: str | Path, name: str, chip: object | None = None
) -> None:
    """Elaborate a component and write it as RTLIL.

    Parameters
    ----------
    component : Component
    path : path
    name : str
        Of its top module.
    chip : object, optional
        Whose block RAM to use, its ``block_ram``; arrays of words unless given.
    """
    with no_collection():
        text = rtlil.convert(component, name=name, platform=chip, emit_src=False)
    Path(path).write_text(text)


def rtlil_to_verilog(
    rtlil_path: str | Path, verilog_path: str | Path, *, also: Sequence[str] = ()
) -> None:
    """Translate an RTLIL file to Verilog with Yosys.

    Parameters
    ----------
    rtlil_path, verilog_path : path
    also : sequence of str
        Yosys commands on the design before it is written.

    Raises
    ------
    FirebrickError
        If Yosys is missing, or with its own message if it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        run_yosys(
            f'read_rtlil "{Path(rtlil_path)}"',
            *behavioural(Path(rtlil_path), Path(folder)),
            "proc -nomux -norom",
            "memory_collect",
            "delete t:$scopeinfo",
            *also,
            f'write_verilog -norename -noattr "{Path(verilog_path)}"',
        )
    _check_complete(Path(verilog_path))


def rtlil_to_vendor_verilog(rtlil_path: str | Path, verilog_path: str | Path) -> None:
    """Translate an RTLIL file to Verilog for a vendor's tools, with the primitives that it has.

    Raises
    ------
    FirebrickError
        If Yosys is missing, or with its own message if it fails.
    """
    run_yosys(
        f'read_rtlil "{Path(rtlil_path)}"',
        "proc -nomux -norom",
        "memory_collect",
        "attrmap -remove src -remove top -remove generator",
        f'write_verilog -norename "{Path(verilog_path)}"',
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
            *behavioural(path, Path(folder)),
            *enclose(submodule, around, name),
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
            *behavioural(path, Path(folder)),
            *enclose(module, around, name, also),
            "delete t:$scopeinfo",
            f'write_verilog -norename -noattr "{out}"',
        )
    _check_complete(out)


def enclose(module: str, around: Path, name: str, also: Sequence[str] = ()) -> list[str]:
    """Yosys commands that leave nothing but a module of the design and what is put around it.

    Parameters
    ----------
    module : str
        Full name of the module in a design that was read.
    around : path
        RTLIL of the new top, which instantiates that module as :data:`MODULE`.
    name : str
        Of the new top.
    also : sequence of str
        Commands that read what else the new top instantiates.
    """
    return [
        f"hierarchy -top {module}",
        f"rename {module} {MODULE}",
        f'read_rtlil "{around}"',
        *also,
        f"hierarchy -check -top {name}",
        "proc -nomux -norom",
        "memory_collect",
    ]


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


def yosys_command(*commands: str) -> list[str]:
    """The command line that runs Yosys commands in a process of their own.

    Raises
    ------
    FirebrickError
        If Yosys is missing.
    """
    check_yosys()
    return [sys.executable, "-c", _YOSYS_CODE, *commands]


def run_yosys(*commands: str) -> str:
    """Run Yosys commands in a process of their own; returns what Yosys printed.

    Raises
    ------
    FirebrickError
        If Yosys is missing or a command fails.
    """
    done = subprocess.run(
        yosys_command(*commands),
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
