"""The reference from outside: ONNX Runtime on the original model files (development only)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from gen.ir.preprocessing import Normalisation

BATCH = 8


def session(
    model: str | Path | onnx.ModelProto, optimise: bool = True, threads: int = 0
) -> onnxruntime.InferenceSession:
    """An ONNX Runtime session on the CPU.

    Parameters
    ----------
    model : path or onnx.ModelProto
    optimise : bool
        False keeps every node as it is written: QDQ models are then computed in float between
        their QuantizeLinear nodes, instead of by fused integer kernels.
    threads : int
        For the sums inside a node; 0 leaves it to ONNX Runtime.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    data = model.SerializeToString() if isinstance(model, onnx.ModelProto) else str(model)
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def normalise(frames: np.ndarray, normalisation: Normalisation) -> np.ndarray:
    """Frames uint8 (N, H, W, C) as a float network wants them, float32 (N, C, H, W)."""
    normalisation = normalisation.of_channels(frames.shape[3])
    x = frames[..., normalisation.order].astype(np.float32)
    mean, std = (np.array(v, np.float32) for v in (normalisation.mean, normalisation.std))
    x = (x - mean) / std
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2))


def logits(
    runtime: onnxruntime.InferenceSession, frames: np.ndarray, normalisation: Normalisation
) -> np.ndarray:
    """First output of a model for frames.

    Parameters
    ----------
    runtime : onnxruntime.InferenceSession
    frames : uint8 array (N, H, W, C)
    normalisation : Normalisation
        What the model's input wants; its channels may come first or last.

    Returns
    -------
    array (N, classes)
    """
    (fed,) = runtime.get_inputs()
    size = fed.shape[0] if isinstance(fed.shape[0], int) else BATCH
    channels = frames.shape[3]
    channels_last = fed.shape[1] != channels and fed.shape[3] == channels
    parts = []
    for batch in _split(frames, size):
        x = normalise(batch, normalisation)
        x = x.transpose(0, 2, 3, 1) if channels_last else x
        parts.append(runtime.run(None, {fed.name: x})[0].reshape(len(batch), -1))
    return np.concatenate(parts)


def _split(frames: np.ndarray, size: int) -> Iterator[np.ndarray]:
    return (frames[start : start + size] for start in range(0, len(frames), size))
