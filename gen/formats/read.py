"""Models in any form: which reader a file is for."""

from __future__ import annotations

from pathlib import Path

from gen.common.errors import FirebrickError
from gen.formats import deep_compression, fbz
from gen.formats.default import default_network
from gen.formats.family import Family
from gen.formats.onnx_float import load_onnx
from gen.ir.graph import FloatGraph
from gen.ir.network import QuantizedNetwork
from gen.ir.network_file import load_network


def read_model(
    path: Path | None,
    labels: tuple[str, ...] | None = None,
    *,
    family: Family | None = None,
    weights: Path | None = None,
    seed: int = 0,
) -> FloatGraph | QuantizedNetwork:
    """A network as its file or its metaparameters have it, float or quantised.

    Parameters
    ----------
    path : Path or None
        ONNX, Deep Compression or network file; the embedded default if None.
    labels : tuple of str or None
        Class names for an ONNX model; other files carry their own.
    family : Family or None
        A member of the paper's family, in place of a file.
    weights : Path or None
        Its weights; drawn at random if None.
    seed : int
        Of those that are drawn.

    Raises
    ------
    FirebrickError
        If the file is missing, damaged or not supported, or takes no class names, or if what is
        given does not go together.
    """
    if family is not None and path is not None:
        raise FirebrickError(f"--family takes the place of --model {path}; leave one out")
    if family is not None:
        return family.graph(weights, seed)
    if weights is not None:
        raise FirebrickError(f"--weights {weights} is for a network of --family; give that too")
    if path is not None and is_deep_compression(path):
        return deep_compression.load_compressed(path)
    kind = None if path is None else path.suffix.lower()
    if path is not None and kind not in (".npz", fbz.SUFFIX):
        return load_onnx(path, labels)
    if labels is not None:
        raise FirebrickError(
            "--labels is for ONNX models and --family; network files carry their class names"
        )
    if path is None:
        return default_network()
    if kind == fbz.SUFFIX:
        return fbz.load_fbz(path)
    return load_network(path)


def read_quantised(path: Path) -> QuantizedNetwork:
    """A network that is quantised already, from any file that holds one.

    Raises
    ------
    FirebrickError
        If it cannot be read or is a float network.
    """
    network = read_model(path)
    if isinstance(network, FloatGraph):
        raise FirebrickError(
            f"{path}: is a float model; quantise it first, with `python -m gen export --npz` or "
            "`python -m gen --board`"
        )
    return network


def is_deep_compression(path: Path) -> bool:
    """Whether a file is one of the Deep Compression authors', by its name."""
    return path.suffix.lower() == deep_compression.SUFFIX
