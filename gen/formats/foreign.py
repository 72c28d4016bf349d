"""Files of other tools that hold networks, and how to make ONNX of them."""

from __future__ import annotations

from pathlib import Path

from gen.common.errors import FirebrickError

_TORCH = (
    "a PyTorch checkpoint; load it into its network in Python, then "
    "`torch.onnx.export(network.eval(), torch.zeros(1, 3, 224, 224), 'network.onnx')`"
)
_KERAS = (
    "a Keras network; `pip install tf2onnx`, then in Python "
    "`tf2onnx.convert.from_keras(keras.models.load_model(FILE), output_path='network.onnx')`"
)
_TF2ONNX = "`pip install tf2onnx`, then `python -m tf2onnx.convert {} --output network.onnx`"
_SAVED_MODEL = f"a TensorFlow SavedModel; {_TF2ONNX.format('--saved-model FILE')}"
_CAFFE = (
    "half of a Caffe network; `pip install mmdnn`, then `mmconvert -sf caffe -in NET.prototxt "
    "-iw NET.caffemodel -df onnx -om network.onnx`"
)
FOREIGN = {
    ".pth": _TORCH,
    ".pt": _TORCH,
    ".ckpt": _TORCH,
    ".safetensors": _TORCH.replace("checkpoint", "or Hugging Face checkpoint"),
    ".h5": _KERAS,
    ".hdf5": _KERAS,
    ".keras": _KERAS,
    ".tflite": f"a TensorFlow Lite network; {_TF2ONNX.format('--tflite FILE')}",
    ".pb": "a TensorFlow graph; "
    + _TF2ONNX.format("--graphdef FILE --inputs INPUT:0 --outputs OUTPUT:0"),
    ".caffemodel": _CAFFE,
    ".prototxt": _CAFFE,
    ".ort": "in ONNX Runtime's own format; give the ONNX file that it was made of",
    ".engine": "made for one GPU by TensorRT; give the ONNX file that it was made of",
}
"""What a file is by the end of its name, and how to make ONNX of it."""


def refuse_foreign(path: Path) -> None:
    """Refuse the file of another tool.

    Raises
    ------
    FirebrickError
        If it is one by its name, with the way to ONNX.
    """
    about = FOREIGN.get(path.suffix.lower())
    if (path / "saved_model.pb").is_file():
        about = _SAVED_MODEL
    if about is not None and path.exists():
        raise FirebrickError(f"{path}: is {about.replace('FILE', str(path))}; then give that file")
