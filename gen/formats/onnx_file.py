"""ONNX files: the model in them, with its weights and without its local functions."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import external_data_helper, inliner
from onnx.external_data_helper import ExternalDataInfo

from gen.common.errors import FirebrickError


def read_model(path: str | Path) -> onnx.ModelProto:
    """Load an ONNX file.

    Raises
    ------
    FirebrickError
        If it is missing or is no ONNX model.
    """
    path = Path(path)
    if not path.is_file():
        what = "a folder, not a model file" if path.is_dir() else "no such model file"
        raise FirebrickError(f"{path}: {what}; give an ONNX file or a network.npz")
    try:
        model = onnx.load(str(path))
    except Exception as error:  # protobuf's own error types differ between versions
        reason = " ".join(str(error).split())[:160]
        raise FirebrickError(
            _lost_weights(path)
            or f"{path}: not a readable ONNX model ({reason}); download or export it again"
        ) from None
    if not model.graph.node:
        raise FirebrickError(f"{path}: not an ONNX model with any layers in it; export it again")
    return model


def _lost_weights(path: Path) -> str | None:
    """Of a model whose weights are in other files, some of them missing: which."""
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception:  # no model at all
        return None
    outside = [x for x in model.graph.initializer if external_data_helper.uses_external_data(x)]
    files = {ExternalDataInfo(tensor).location for tensor in outside}
    lost = sorted(name for name in files if not (path.parent / name).is_file())
    if not lost:
        return None
    return f"{path}: its weights are in {', '.join(lost)}, not found; copy that into {path.parent}"


def without_functions(model: onnx.ModelProto) -> onnx.ModelProto:
    """A model with its local functions written out.

    Raises
    ------
    FirebrickError
        If they do not fit to where they are used.
    """
    if not model.functions:
        return model
    try:
        return inliner.inline_local_functions(model)
    except Exception as error:  # ONNX's C++ has several, with no type in common
        reason = " ".join(str(error).rpartition("failed: ")[2].split())[:160]
        raise FirebrickError(
            f"its local functions cannot be written out ({reason}); export it without them"
        ) from None
