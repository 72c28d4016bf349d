"""Models in any form: which reader a file is for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gen.common.errors import FirebrickError
from gen.formats import deep_compression, fbz
from gen.formats.default import default_network
from gen.formats.family import Family
from gen.formats.foreign import refuse_foreign
from gen.formats.input_size import OPTION, Size
from gen.formats.onnx_float import load_onnx
from gen.ir.graph import FloatGraph
from gen.ir.labels import ClassNames
from gen.ir.network import QuantizedNetwork
from gen.ir.network_file import load_network
from gen.ir.preprocessing import UNSAID, Expected


def read_model(
    path: Path | None,
    labels: ClassNames | None = None,
    *,
    family: Family | None = None,
    weights: Path | None = None,
    seed: int = 0,
    size: Size | None = None,
    expected: Expected = UNSAID,
) -> FloatGraph | QuantizedNetwork:
    """A network as its file or its metaparameters have it, float or quantised.

    Parameters
    ----------
    path : Path or None
        ONNX, Deep Compression or network file; the embedded default if None.
    labels : ClassNames or None
        Class names in place of the file's own.
    family : Family or None
        A member of the paper's family, in place of a file.
    weights : Path or None
        Its weights; drawn at random if None.
    seed : int
        Of those that are drawn.
    size : tuple of int or None
        Height and width of the input, where an ONNX file leaves them open; another than the
        family's.
    expected : Expected
        What the user says that a quantised ONNX file expects of pixels.

    Raises
    ------
    FirebrickError
        If the file is missing, damaged or not supported, or if what is given does not go
        together.
    """
    if family is not None and path is not None:
        raise FirebrickError(f"--family takes the place of --model {path}; leave one out")
    if family is not None:
        graph = family.graph(weights, seed)
        return graph if size is None else replace(graph, input_shape=(*size, 3))
    if weights is not None:
        raise FirebrickError(f"--weights {weights} is for a network of --family; give that too")
    if path is not None and not (is_ours(path) or is_deep_compression(path)):
        refuse_foreign(path)
        return load_onnx(path, labels, expected, size)
    if size is not None:
        raise FirebrickError(f"{path or 'the default'}: has a size already; leave out {OPTION}")
    if path is not None and is_deep_compression(path):
        return deep_compression.load_compressed(path)
    network = _read_network(path)
    return network if labels is None else replace(network, labels=labels.of(len(network.labels)))


def _read_network(path: Path | None) -> QuantizedNetwork:
    """A network file of ours, or the embedded default."""
    if path is None:
        return default_network()
    return fbz.load_fbz(path) if path.suffix.lower() == fbz.SUFFIX else load_network(path)


def read_quantised(path: Path, expected: Expected = UNSAID) -> QuantizedNetwork:
    """A network that is quantised already, from any file that holds one.

    Parameters
    ----------
    path : Path
    expected : Expected
        As for :func:`read_model`.

    Raises
    ------
    FirebrickError
        If it cannot be read or is a float network.
    """
    network = read_model(path, expected=expected)
    if isinstance(network, FloatGraph):
        raise FirebrickError(
            f"{path}: is a float model; quantise it first, with `python -m gen export --npz` or "
            "`python -m gen --board`"
        )
    return network


def is_ours(path: Path) -> bool:
    """Whether a file is a network file, by its name: what it expects of pixels is settled."""
    return path.suffix.lower() in (".npz", fbz.SUFFIX)


def is_deep_compression(path: Path) -> bool:
    """Whether a file is one of the Deep Compression authors', by its name."""
    return path.suffix.lower() == deep_compression.SUFFIX
