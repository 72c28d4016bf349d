"""What ``python -m gen export`` does: a network, quantised first if need be, in other forms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from json import dumps
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from gen.arguments import NetworkOptions
from gen.built import updatable_network
from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from gen.common.outputs import check_output
from gen.common.progress import phases
from gen.compile import Capacity, Request, compile_network
from gen.formats.fbz import save_fbz
from gen.formats.qdq_export import export_qdq
from gen.ir.activations import finite
from gen.ir.network import QuantizedNetwork
from gen.ir.network_file import save_network
from gen.quantise.post_training import CLIPPED

FLOAT_BITS = 32


@dataclass(frozen=True)
class Targets:
    """Files to write, None for those that are not wanted."""

    qdq: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write QDQ ONNX, for ONNX Runtime and others; its input is raw RGB pixels, uint8, "
            "channels first.",
        ),
    ] = None
    fbz: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the compressed form; --model takes it again."),
    ] = None
    npz: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the network as firebrick keeps it.")
    ] = None

    def check(self, reads: Iterable[Path | None]) -> None:
        """Refuse what cannot be written, or is among what is read, before long work.

        Raises
        ------
        FirebrickError
            If nothing is asked for, one file twice, one where none can be written, or one that is
            read.
        """
        paths = [path for path in (self.qdq, self.fbz, self.npz) if path is not None]
        if not paths:
            raise FirebrickError(
                "say what to write: --qdq OUT.onnx, --fbz OUT.fbz or --npz OUT.npz, or several"
            )
        resolved = [path.resolve() for path in paths]
        for path, real in zip(paths, resolved, strict=True):
            if resolved.count(real) > 1:
                raise FirebrickError(f"{path}: named for two files; give each its own")
            check_output(path, reads)


@dataclass(frozen=True)
class ExportedNetwork(NetworkOptions):
    """Which network, and what a float one is quantised for."""

    build: Annotated[
        Path | None,
        typer.Option(
            "--for",
            metavar="BUILD_DIR",
            help="Build folder of a board that can be updated: quantise a float model of the same "
            "layers so that this board can be given it. Of one that is quantised already, only see "
            "whether it fits.",
        ),
    ] = None
    size: Annotated[
        int | None,
        typer.Option(
            metavar="BYTES",
            min=1,
            help="Quantise a float model so that its compressed file is about, and at most, so "
            "large: uniform steps for each layer, with a price on every bit.",
        ),
    ] = None
    prune: Annotated[
        float,
        typer.Option(metavar="PART", help="With --size: part of the weights to set to zero first."),
    ] = 0.0

    @property
    def files(self) -> tuple[Path | None, ...]:
        """Files and folders that are read."""
        built = None if self.build is None else BuildFolder(self.build).network
        return *super().files, built

    def request(self, capacity: Capacity | None = None) -> Request:
        """What to load.

        Raises
        ------
        FirebrickError
            As for any network, or if the build does not take other networks.
        """
        return replace(
            super().request(capacity),
            file_size=self.size,
            pruned=self.prune,
            like=None if self.build is None else updatable_network(self.build),
        )


def export(options: ExportedNetwork, targets: Targets, *, json: bool = False) -> None:
    """Load the network, write the files, and show what they take.

    Parameters
    ----------
    options : ExportedNetwork
    targets : Targets
    json : bool
        Show it for programs.

    Raises
    ------
    FirebrickError
        If the options do not go together, or the network cannot be said in a form asked for.
    """
    targets.check(options.files)
    if options.size is not None and (options.weight_bits or options.memory_budget is not None):
        raise FirebrickError(
            "--size chooses the steps of the weights itself; leave out --weight-bits and "
            "--memory-budget"
        )
    if options.prune and options.size is None:
        raise FirebrickError("--prune goes with --size BYTES; give that too")
    _check_build_options(options)
    with phases() as display:
        network = compile_network(options.request(), progress=display)
        display.begin("write")
        if targets.qdq is not None:
            export_qdq(network, targets.qdq)
        if targets.fbz is not None:
            save_fbz(network, targets.fbz)
        if targets.npz is not None:
            save_network(network, targets.npz)
    written = _written(network, targets)
    if options.build is not None:
        written["for"] = _fit(network, options.build)
    if json:
        print(dumps(written, indent=1))
    else:
        console = Console()
        console.print(_table(written))
        if options.build is not None:
            for line in _fit_lines(written["for"]):
                console.print(line, highlight=False, markup=False, soft_wrap=True)


def _check_build_options(options: ExportedNetwork) -> None:
    """Refuse options that say what a build says already.

    Raises
    ------
    FirebrickError
        Naming one of them.
    """
    for name, value in (
        ("--weight-bits", options.weight_bits),
        ("--memory-budget", options.memory_budget),
        ("--size", options.size),
    ):
        if options.build is not None and value is not None:
            raise FirebrickError(
                f"--for {options.build}: its hardware has widths for the weights; leave out {name}"
            )


def _fit(network: QuantizedNetwork, build: Path) -> dict[str, Any]:
    """How well a network fits a build, which it does."""
    measured = network.activations
    ratio = None if measured is None else measured.decibels.get(network.output.name)
    return {
        "build": str(build),
        "structure": network.structure.hex(),
        "clipped": network.source.get(CLIPPED),
        "decibels": None if ratio is None else finite(ratio),
    }


def _fit_lines(fit: dict[str, Any]) -> Iterator[str]:
    """The same in words."""
    yield "fits {build}, structure {structure}".format(**fit)
    if fit["clipped"] is not None:
        yield f"clipped: {fit['clipped']}"
    if fit["decibels"] is not None:
        yield f"class sums: {fit['decibels']} dB above their difference from the float network's"


def _written(network: QuantizedNetwork, targets: Targets) -> dict[str, Any]:
    """What was written, of what."""
    count = network.weight_count + sum(op.channels for op in network.convs)
    sizes = {
        str(path): path.stat().st_size
        for path in (targets.qdq, targets.fbz, targets.npz)
        if path is not None
    }
    return {
        "network": network.name,
        "parameters": count,
        "classes": len(network.labels),
        "files": [
            {"file": name, "bytes": size, "bits_a_parameter": round(8 * size / count, 2)}
            for name, size in sizes.items()
        ],
    }


def _table(written: dict[str, Any]) -> Table:
    title = "{network}: {parameters} parameters, {classes} classes".format(**written)
    table = Table("file", "bytes", "bits a parameter", "of 32-bit floats", title=title)
    table.title_justify = "left"
    for entry in written["files"]:
        bits = entry["bits_a_parameter"]
        share = f"{bits / FLOAT_BITS:.1%}"
        table.add_row(entry["file"], str(entry["bytes"]), f"{bits:.2f}", share)
    return table
