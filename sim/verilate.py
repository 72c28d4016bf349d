"""Compile Verilog into a shared library that simulates it.

Verilator turns the design, module ``simtop``, into C++, ``native/runner.cpp`` gives it a C
interface, and :mod:`sim.simulator` loads the result. Initialised memories are taken out of the
Verilog first and read when a simulation starts: a network's weights would otherwise be most of the
C++ to compile, and every new set of weights a new build.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gen.common.errors import FirebrickError
from gen.common.files import replacing
from gen.common.progress import SILENT, Progress
from sim.toolchain import VerilatorTool, verilator_environment

NATIVE = Path(__file__).parent / "native"

_LIBRARY = "simulation.so"
_SOURCES = ("design.v", "native/bench.v", "native/runner.cpp")
_OPTIONS = (
    *("--cc", "--exe", "--build", "-j", "2"),
    *("--top-module", "bench", "--prefix", "Vtop", "-o", _LIBRARY, "-Mdir", "."),
    *("-O3", "--x-assign", "fast", "--x-initial", "fast", "--no-assert"),
    # Yosys leaves widening to the language; Amaranth assigns defaults ahead of a case, and
    # generators compare with constants that are always reached.
    *("-Wno-WIDTH", "-Wno-CASEINCOMPLETE", "-Wno-CASEOVERLAP", "-Wno-UNSIGNED", "-Wno-CMPCONST"),
    *("-CFLAGS", "-fPIC", "-LDFLAGS", "-shared"),
)
_SMALL = 4_000_000
"""Bytes of Verilog up to which all C++ is compiled at once: to compile ahead what files have in
common takes longer."""
_SPLIT = ("--output-split", "5000", "--output-split-cfuncs", "500")
_ONE_FILE = (*_SPLIT, "-MAKEFLAGS", "OPT_FAST=-O1 VM_PARALLEL_BUILDS=0")
_DESIGN = (*_SPLIT, "-MAKEFLAGS", "OPT_FAST=-O1 OPT_SLOW=-O0")
"""More optimisation makes simulations 3 % faster, and takes longer."""
_CELLS = (
    *("-fno-dfg", "-Wno-PINMISSING", "-Wno-LATCH"),
    *("--output-split", "100000", "--output-split-cfuncs", "5000"),
    *("-MAKEFLAGS", "OPT_FAST=-O0 OPT_SLOW=-O0"),
)
"""For a hundred thousand cells of single bits. Every file that is compiled reads what declares them
all, and there is little to optimise."""
_COMPILATION = re.compile(r"(.* )?\S*(g|c|clang)\+\+\S* .*-c ")
_MEMORY_ROW = re.compile(r"\s+(\S+) ?\[(\d+)\] = \d+'h([0-9a-fxz_]+);\s*")


def build(
    verilog: str | Path,
    folder: str | Path,
    *,
    waves: bool = False,
    cells: bool = False,
    watch: Sequence[str] = (),
    progress: Progress = SILENT,
) -> Path:
    """Compile a design, unless that has been done already.

    Parameters
    ----------
    verilog : path
        As Yosys writes it, with the module ``simtop``.
    folder : path
        Where the result goes; made if it is not there.
    waves : bool
        Whether the result can record waves; that makes it several times slower.
    cells : bool
        Whether the design is a netlist of cells of single bits: compiled in minutes then, and
        slower than it could be.
    watch : sequence of str
        Bits to count as :meth:`sim.simulator.Simulator.watch` does: Verilog, in which the design
        is ``board``.
    progress : Progress
        Told the phases, if there is something to compile.

    Returns
    -------
    Path
        The shared library, for :class:`sim.simulator.Simulator`.

    Raises
    ------
    FirebrickError
        If a tool is missing, or the design cannot be compiled.
    """
    tool = verilator_environment()
    verilog, folder = Path(verilog), Path(folder).absolute()
    if not verilog.is_file():
        raise FirebrickError(f"{verilog}: no such Verilog file; run `python -m gen` first")
    with _locked(folder):
        design = _without_memories(verilog, folder / "memories")
        arguments = [*_OPTIONS, *_options(design, cells=cells), *tool.extra_args]
        if waves:
            arguments += _wave_options(tool)
        if watch:
            design = _watched(watch) + design
            arguments += ["-CFLAGS", f"-DWATCH={len(watch)}"]
        library, stamp = folder / _LIBRARY, folder / "stamp"
        key = _key(design, arguments, tool)
        if not (library.is_file() and stamp.is_file() and stamp.read_text() == key):
            stamp.unlink(missing_ok=True)
            _compile(design, arguments, tool, library, progress)
            stamp.write_text(key)
    return library


def _without_memories(verilog: Path, folder: Path) -> str:
    """The design, whose memories are initialised from files that are written into the folder."""
    design, memories = split_memories(verilog.read_text(), folder)
    for path, text in memories.items():
        path.parent.mkdir(exist_ok=True)
        with replacing(path) as file:  # other processes read it when a simulation starts
            file.write(text.encode())
    return design


def _watched(bits: Sequence[str]) -> str:
    """What tells ``native/bench.v`` of bits to watch, the first one least significant."""
    return f"`define WATCH {len(bits)}\n`define WATCHED {{{', '.join(reversed(bits))}}}\n"


def _compile(
    design: str, arguments: list[str], tool: VerilatorTool, library: Path, progress: Progress
) -> None:
    """Compile a design in a scratch folder, and put the library where it is wanted."""
    with tempfile.TemporaryDirectory(prefix="firebrick-") as work:
        # Elsewhere, since it leaves 200 MB behind, and makefiles cannot have blanks in paths.
        (Path(work) / "design.v").write_text(design)
        shutil.copytree(NATIVE, Path(work) / "native")
        _verilate(tool, arguments, Path(work), library.with_name("build.log"), progress)
        with replacing(library) as file:  # a process that runs the old one keeps it
            file.write((Path(work) / _LIBRARY).read_bytes())


def _options(design: str, *, cells: bool) -> tuple[str, ...]:
    """How to compile a design, by its size and kind."""
    if cells:
        return _CELLS
    return _ONE_FILE if len(design) < _SMALL else _DESIGN


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Make the folder, and keep other processes from building in it at the same time."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise FirebrickError(
            f"{folder}: cannot keep the compiled simulation there ({error.strerror}); "
            "generate the board into a folder that can be written"
        ) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def split_memories(verilog: str, folder: Path) -> tuple[str, dict[Path, str]]:
    """Take the initial contents of memories out of Verilog that Yosys wrote.

    Returns
    -------
    str
        The Verilog, reading the contents from files in ``folder`` instead.
    dict
        Those files and what they hold.
    """
    lines: list[str] = []
    rows: dict[Path, list[str]] = {}
    inside, current, path = False, "", folder
    for line in verilog.splitlines(keepends=True):
        match = _MEMORY_ROW.fullmatch(line) if inside else None
        if match is None:
            stripped = line.strip()
            inside = stripped == "initial begin" or (inside and stripped != "end")
            current = ""
            lines.append(line)
            continue
        name, row, value = match.groups()
        if name != current:
            current, path = name, folder / f"{len(rows)}.mem"
            rows[path] = []
            lines.append(f'    $readmemh("{path}", {name} );\n')
        rows[path].append(f"@{int(row):x} {value}\n")
    return "".join(lines), {path: "".join(text) for path, text in rows.items()}


def _wave_options(tool: VerilatorTool) -> list[str]:
    """Options for FST waves.

    The FST writer of recent Verilators wants the development files of two compression libraries,
    which a machine with a compiler does not always have; ours stand in for them.
    """
    root = tool.env.get("VERILATOR_ROOT")
    options = ["--trace-fst", "--trace-structs"]
    if root and (Path(root) / "include" / "fstcpp").is_dir():
        options += ["-CFLAGS", "-Inative/fst"]
        options += ["-MAKEFLAGS", "LDLIBS=-shared LDFLAGS=-pthread"]
    return options


def _key(design: str, arguments: list[str], tool: VerilatorTool) -> str:
    digest = hashlib.sha256()
    sources = [path.read_text() for path in sorted(NATIVE.rglob("*.*"))]
    for part in (design, *arguments, str(tool.path), *sources):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()


def _verilate(
    tool: VerilatorTool, arguments: list[str], folder: Path, log: Path, progress: Progress
) -> None:
    """Run Verilator and the C++ compiler, following their output for the progress display."""
    progress.begin("translating to C++")
    output, compiled = [], 0
    with subprocess.Popen(
        [str(tool.path), *arguments, *_SOURCES],
        cwd=folder,
        env=tool.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            output.append(line)
            if _COMPILATION.match(line):
                if not compiled:
                    progress.begin("compiling")
                compiled += 1
                progress.advance(compiled, max(_objects(folder), compiled))
    if process.returncode:
        log.write_text("".join(output))
        lines = [text.strip() for text in output if re.search(r"rror[:-]|^%", text)]
        reason = (lines or [text.strip() for text in output[-1:]] or ["no message"])[0]
        raise FirebrickError(
            f"Verilator could not build the design: {reason} (all of it in {log}); if something "
            "has changed the build folder, generate it again"
        )


def _objects(folder: Path) -> int:
    """How many compilations a build takes: ours, Verilator's runtime, and the design."""
    classes = (folder / "Vtop_classes.mk").read_text()
    runtime = classes.partition("VM_GLOBAL_FAST")[2].partition("\n\n")[0].count("verilated")
    parallel = "VM_PARALLEL_BUILDS = 1" in classes
    return 1 + runtime + (len(list(folder.glob("Vtop*.cpp"))) if parallel else 1)
