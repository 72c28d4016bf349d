"""Wild: model files of all kinds, imported and held against ONNX Runtime, one by one."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx.version_converter import convert_version
from rich.console import Console
from rich.table import Table

from bench.qonnx_reference import QonnxSession, is_qonnx
from bench.simulated import Simulations
from bench.zoo import MODERN, Specimen, zoo
from bench.zoo_quantised import quantised_zoo
from gen.common.errors import FirebrickError, RefusedNode
from gen.formats.fbz import SUFFIX
from gen.formats.foreign import FOREIGN
from gen.formats.onnx_float import import_onnx
from gen.formats.read import read_model
from gen.frames.pixel_options import PixelOptions
from gen.ir.graph import FloatGraph
from gen.ir.network import QuantizedNetwork
from gen.ir.preprocessing import Normalisation, by_channel
from gen.quantise.calibrate import float_logits
from gen.quantise.post_training import quantise
from sim import golden, reference

KINDS = {".onnx", ".npz", ".net", SUFFIX, *FOREIGN}
CLOSE = 1e-3
"""Part of the largest logit that float networks may be off."""
HALF = 3e-2
"""The same where some of the file computes with 16 bits, or in codes that it rounds in float."""
COARSE = 1e-1
"""The same where activations have few codes, one of which may round the other way."""
FEW = 16
"""Codes."""
FRAMES = 4
SAID = re.compile(r"(\w+), mean (\S+), deviation ([^;]+);")
"""How a network's notes say what it expects of pixels."""
RUNTIME = "ONNX Runtime"
IMPORTED, REFUSED, WRONG, FAULTY = "imported", "refused", "wrong", "faulty"


@dataclass(frozen=True)
class Row:
    """What came of a file.

    Attributes
    ----------
    name : str
    result : str
        ``imported``; ``refused``, with all that a user needs; ``wrong``; or ``faulty``: Python's
        own error, or a refusal that lacks something.
    told : str
    """

    name: str
    result: str
    told: str

    @property
    def fault(self) -> bool:
        """Whether it is ours to mend."""
        return self.result in (WRONG, FAULTY)


class Wrong(Exception):
    """What was computed is not what the reference says."""


Model = FloatGraph | QuantizedNetwork
Source = Callable[[], tuple[Model, onnx.ModelProto | Path | None]]
"""Gives a network, and what ONNX Runtime is to be asked about it."""


def run(
    console: Console, folder: Path | None, only: str = "*", hardware: bool = False
) -> list[Row]:
    """Look at every file and print a table.

    Parameters
    ----------
    console : Console
    folder : Path or None
        Looked through with the folders in it; a zoo of our own if None.
    only : str
        Pattern of names.
    hardware : bool
        Whether to plan and simulate, too.

    Raises
    ------
    FirebrickError
        If there is no such folder, or nothing to look at in it.
    """
    sources = {name: s for name, s in _sources(folder) if fnmatch(name, only)}
    if not sources:
        raise FirebrickError(f"{folder or 'the zoo'}: holds no model file {only}; name another one")
    rows, simulations = [], Simulations() if hardware else None
    with console.status("") as status:
        for name, source in sources.items():
            status.update(name)
            rows.append(look(name, source, simulations))
            if not console.is_terminal:  # where nothing shows how far it is
                console.print(f"{name}: {rows[-1].result}; {rows[-1].told}", markup=False)
    console.print(_table(rows))
    return rows


def _sources(folder: Path | None) -> Iterator[tuple[str, Source]]:
    """All there is to look at, by name."""
    if folder is None:
        for name, make in (zoo() | quantised_zoo()).items():
            yield name, partial(_of_zoo, name, make)
        return
    if not folder.is_dir():
        raise FirebrickError(f"{folder}: no such folder; name one of model files")
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in KINDS:
            yield str(path.relative_to(folder)), partial(_of_file, path)


def _of_zoo(name: str, make: Callable[[], Specimen]) -> tuple[Model, onnx.ModelProto]:
    specimen = make()
    return import_onnx(specimen.model, name), specimen.twin


def _of_file(path: Path) -> tuple[Model, Path | None]:
    return read_model(path), path if path.suffix.lower() == ".onnx" else None


def look(name: str, source: Source, simulations: Simulations | None = None) -> Row:
    """What comes of a network.

    Parameters
    ----------
    name : str
    source : callable
    simulations : Simulations or None
        To plan and simulate it, too.
    """
    try:
        return Row(name, IMPORTED, "; ".join(_steps(*source(), simulations)))
    except Wrong as error:
        return Row(name, WRONG, str(error))
    except FirebrickError as error:
        whole = error.remedy if isinstance(error, RefusedNode) else "; " in str(error)
        return Row(name, REFUSED if whole else FAULTY, str(error))
    except Exception:
        return Row(name, FAULTY, traceback.format_exc(limit=-3))


def _steps(
    model: Model, asked: onnx.ModelProto | Path | None, simulations: Simulations | None
) -> Iterator[str]:
    """Each thing that was found to be right, in words.

    Raises
    ------
    Wrong
        If something is not.
    """
    shape = model.input_shape if isinstance(model, FloatGraph) else model.input.shape
    frames = _pictures(shape)
    if isinstance(model, FloatGraph):
        normalisation, _ = PixelOptions().normalisation(model)
        yield _compared(
            float_logits(model.fold_input(normalisation), frames), asked, frames, normalisation
        )
        network = quantise(model, frames, normalisation=normalisation)
        yield _golden(model, network, normalisation, frames)
    else:
        network = model
        pixels, frames = frames, network.preprocessing.coded(frames)
        logits = network.output.scale * (golden.class_sums(network, frames) - network.output.zero)
        coarse = _has_few_codes(network)
        yield _compared(logits, asked, pixels, _fed(network), coarse=coarse)
    if simulations is not None:
        yield _hardware(simulations, network, frames)


def _has_few_codes(network: QuantizedNetwork) -> bool:
    """Whether one code more or less of some activations is much."""
    return any(op.high - op.low < FEW for op in network.convs)


def _fed(network: QuantizedNetwork) -> Normalisation:
    """What a quantised model's file is fed: as its notes say, else its codes' real values."""
    said = SAID.match(network.source.get("pixels", ""))
    if said is None:
        channels = network.input.shape[2]
        return Normalisation((0.0,) * channels, (1 / network.input.scale,) * channels)
    order, mean, std = said.groups()
    found = Normalisation.of(by_channel("mean", mean, 0.0), by_channel("deviation", std, 1.0))
    return replace(found, channel_order="BGR" if order.startswith("BGR") else "RGB")


def _pictures(shape: tuple[int, int, int]) -> np.ndarray:
    """Smooth random frames."""
    rng = np.random.default_rng(0)
    height, width, channels = shape
    coarse = rng.integers(0, 256, (FRAMES, -(-height // 5), -(-width // 5), channels))
    fine = coarse.repeat(5, axis=1).repeat(5, axis=2)[:, :height, :width]
    return np.clip(fine + rng.normal(0, 12, fine.shape), 0, 255).astype(np.uint8)


def _compared(
    logits: np.ndarray,
    asked: onnx.ModelProto | Path | None,
    frames: np.ndarray,
    normalisation: Normalisation,
    *,
    coarse: bool = False,
) -> str:
    """Ours beside an executor's.

    Raises
    ------
    Wrong
        If they differ.
    """
    if asked is None:
        return "no executor but ours"
    found = _session(asked)
    if found is None:
        return "not compared: ONNX Runtime lacks operators of it"
    executor, runtime = found
    expected = reference.logits(runtime, frames, normalisation).astype(np.float64)
    got = _as(expected, logits.astype(np.float64))
    rough = _is_rough(asked)
    if rough:  # which may cut logits that our sums do not
        got = got.clip(expected.min(), expected.max())
    error = float(np.abs(got - expected).max() / max(np.abs(expected).max(), 1e-9))
    if not error <= ((COARSE if coarse else HALF) if rough else CLOSE):
        raise Wrong(f"off from {executor} by {error:.1e} of the largest logit")
    return f"as {executor}, {error:.0e}"


def _session(
    asked: onnx.ModelProto | Path,
) -> tuple[str, onnxruntime.InferenceSession | QonnxSession] | None:
    """An executor and its name, of a model or of what ONNX's converter makes of an old one."""
    with suppress(Exception):  # of operators that it lacks
        return RUNTIME, reference.session(asked, optimise=False)
    model = onnx.load(asked) if isinstance(asked, Path) else asked
    if is_qonnx(model):
        return "QONNX's specification", QonnxSession(model)
    with suppress(Exception):  # of those that have no converter
        return RUNTIME, reference.session(convert_version(model, MODERN), optimise=False)
    return None


def _as(expected: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Logits as the probabilities, or their logarithms, that a model gives."""
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = exponents / exponents.sum(axis=1, keepdims=True)
    if (expected >= 0).all() and np.allclose(expected.sum(axis=1), 1, atol=1e-2):
        return probabilities
    if np.allclose(np.exp(np.minimum(expected, 1)).sum(axis=1), 1, atol=1e-2):
        return np.log(probabilities)
    return logits


def _is_rough(asked: onnx.ModelProto | Path) -> bool:
    """Whether a model computes with 16 bits, or rounds to codes."""
    model = onnx.load(asked, load_external_data=False) if isinstance(asked, Path) else asked
    half = {onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16}
    kinds = {tensor.data_type for tensor in model.graph.initializer}
    kinds |= {a.i for node in model.graph.node for a in node.attribute if node.op_type == "Cast"}
    coded = any("Quant" in node.op_type or "QLinear" in node.op_type for node in model.graph.node)
    return coded or bool(half & kinds)


def _golden(
    graph: FloatGraph, network: QuantizedNetwork, normalisation: Normalisation, frames: np.ndarray
) -> str:
    """How near the integers are to the floats that they stand for."""
    real = float_logits(graph.fold_input(normalisation), frames)
    sums = golden.class_sums(network, frames) * network.output.scale
    noise = float(((sums - real) ** 2).sum())
    decibels = 10 * np.log10(float((real**2).sum()) / noise) if noise else np.inf
    return f"integers {decibels:.0f} dB"


def _hardware(simulations: Simulations, network: QuantizedNetwork, frames: np.ndarray) -> str:
    """Frames through the hardware.

    Raises
    ------
    Wrong
        If a class sum is not the golden model's.
    """
    made = simulations.of(network, frames)
    if made.differing:
        raise Wrong(
            f"{made.differing} of {len(frames)} simulated frames are not the golden model's"
        )
    return f"simulated on {made.board}, {made.cycles} cycles"


def _table(rows: list[Row]) -> Table:
    table = Table("file", "result", "", title="python -m bench wild")
    table.title_justify = "left"
    for row in rows:
        style = "red" if row.fault else "yellow" if row.result == REFUSED else ""
        table.add_row(row.name, row.result, row.told, style=style)
    results = [row.result for row in rows]
    kinds = (IMPORTED, REFUSED, WRONG, FAULTY)
    table.caption = ", ".join(f"{results.count(kind)} {kind}" for kind in kinds)
    return table
