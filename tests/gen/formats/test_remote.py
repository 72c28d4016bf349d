"""Networks from torchvision, and from the Hugging Face hub: a server here stands for that."""

import hashlib
import json
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest

from bench.zoo import zoo
from boards import BOARDS
from gen.backend.emit import _manifest
from gen.common.errors import FirebrickError
from gen.compile import Request, compile_network
from gen.formats import remote
from gen.formats.default import default_network
from gen.formats.onnx_float import load_onnx
from gen.formats.remote import fetched, is_remote
from gen.ir.network_file import save_network
from gen.plan.planner import plan
from tests.gen.formats.hub_server import COMMIT, GATED, serving

NETWORK = "owner/squeezenet1.0-3"


@pytest.fixture(scope="module")
def data():
    """What the ONNX zoo's oldest SqueezeNet looks like."""
    return zoo()["caffe2_03"]().model.SerializeToString()


@pytest.fixture
def hub(data, tmp_path, monkeypatch):
    pytest.importorskip("huggingface_hub", reason="the extra `hub` is not installed")
    constants = pytest.importorskip("huggingface_hub.constants")
    repositories = {
        NETWORK: {"README.md": b"#", "squeezenet1.0-3.onnx": data},
        "owner/two": {"a.onnx": data, "b.onnx": data},
        "owner/none": {"model.tflite": b""},
    }
    with serving(repositories) as server:
        ask(monkeypatch, constants, server.url)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        yield SimpleNamespace(server=server, constants=constants)


def ask(monkeypatch, constants, url: str) -> None:
    """Have the hub at another address, as HF_ENDPOINT would before the library is imported."""
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


def load(text: str) -> tuple[Any, str]:
    with fetched(Path(text)) as file:
        return load_onnx(file.path), file.about


def told(text: str) -> str:
    with pytest.raises(FirebrickError) as caught:
        load(text)
    assert "; " in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("address", [
    f"hf://{NETWORK}", f"hf://{NETWORK}/squeezenet1.0-3.onnx", f"hf://{NETWORK}@main",
])  # fmt: skip
def test_a_network_of_the_hub(hub, data, address):
    graph, about = load(address)
    assert graph.input_shape == (20, 20, 3)
    digest = hashlib.sha256(data).hexdigest()
    assert about == f"hf://{NETWORK}@{COMMIT}/squeezenet1.0-3.onnx, SHA-256 {digest}"


def test_it_is_kept_and_found_offline(hub, monkeypatch):
    address = f"hf://{NETWORK}/squeezenet1.0-3.onnx"
    first = load(address)[1]
    downloads = [line for line in hub.server.asked if line.startswith("GET")]
    assert load(address)[1] == first
    assert [line for line in hub.server.asked if line.startswith("GET")] == downloads
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    asked = len(hub.server.asked)
    assert load(address)[1] == first
    assert "offline, a file must be named" in told(f"hf://{NETWORK}")
    assert "fetch it once" in told("hf://owner/two/a.onnx")
    assert len(hub.server.asked) == asked


def test_what_the_hub_does_not_have(hub):
    assert "no such repository" in told("hf://owner/unknown/a.onnx")
    assert "no such file" in told(f"hf://{NETWORK}/other.onnx")
    assert "ask first" in told(f"hf://{GATED}/a.onnx")
    assert "holds a.onnx, b.onnx; name one, hf://owner/two/a.onnx" in told("hf://owner/two")
    assert "but model.tflite; export one" in told("hf://owner/none")
    assert "no name of a repository" in told("hf://-/--/a.onnx")


def test_no_hub_at_all(hub, monkeypatch):
    ask(monkeypatch, hub.constants, "http://127.0.0.1:9")
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # between tries
    assert "fetch it once" in told("hf://owner/two/a.onnx")
    assert "check the network" in told("hf://owner/two")


def test_a_file_that_is_not_what_the_hub_says(hub):
    hub.server.damaged = True
    assert "but the hub says" in told(f"hf://{NETWORK}")


@pytest.mark.parametrize("address", ["hf://owner", "hf://", "hf:///x", "hf://owner/name@/file"])
def test_no_address(address):
    assert "give hf://OWNER/NAME" in told(address)


def test_the_library_is_named_where_it_lacks(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "uv sync --extra hub" in told(f"hf://{NETWORK}")
    assert "uv sync --extra torchvision" in told("torchvision:squeezenet1_1")


def test_where_it_is_from_is_told_in_network_and_manifest(tmp_path, monkeypatch):
    save_network(default_network(), tmp_path / "net.npz")
    about = "hf://owner/name@0/net.npz, SHA-256 ab"

    class Stub:
        @staticmethod
        def of(text):
            return SimpleNamespace(fetch=lambda: remote.Fetched(tmp_path / "net.npz", about))

    monkeypatch.setattr(remote, "_Hub", Stub)
    network = compile_network(Request(Path("hf://owner/name")))
    assert network.source["model"] == about
    made = plan(network, BOARDS["arty_a7"], fps=100)
    assert _manifest(network, made, BOARDS["arty_a7"], ()).model == about


def test_names_of_remote_models():
    assert is_remote(Path("hf://a/b"))
    assert is_remote(Path("torchvision:squeezenet1_1"))
    assert not is_remote(Path("a/hf:/b"))


@pytest.fixture
def torchvision(monkeypatch):
    """A stand-in for torch and torchvision, which exports the zoo's network."""
    recipe = SimpleNamespace(crop_size=[20], mean=[0.485, 0.456, 0.406], std=[0.2, 0.2, 0.2])
    weights = SimpleNamespace(transforms=lambda: recipe, meta={"categories": list("abcde")})

    def export(network, pixels, path, opset_version, dynamo):
        assert (network, pixels.shape, dynamo) == ("network", (1, 3, 20, 20), False)
        onnx.save(zoo()["mobilenet"]().model, path)

    def get_model(name, weights):
        return SimpleNamespace(eval=lambda: "network")

    stand_ins: dict[str, dict[str, Any]] = {
        "torch": {
            "__version__": "9.9",
            "zeros": lambda *shape: np.zeros(shape),
            "onnx": SimpleNamespace(export=export),
        },
        "torchvision": {},
        "torchvision.models": {
            "list_models": lambda: ["squeezenet1_0", "squeezenet1_1"],
            "get_model_weights": lambda name: SimpleNamespace(DEFAULT=weights),
            "get_model": get_model,
        },
    }
    for name, members in stand_ins.items():
        module = ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(remote, "require_package", lambda *arguments: None)


def test_a_network_of_torchvision(torchvision):
    graph, about = load("torchvision:squeezenet1_1")
    assert about == "torchvision:squeezenet1_1, exported by torch 9.9"
    assert json.loads(graph.metadata["labels"]) == list("abcde")
    assert graph.metadata["mean"] == "0.485,0.456,0.406"
    assert (
        "has squeezenet1_0, squeezenet1_1, see"
        in told("torchvision:squeezenet2").replace(";", ",") + "; "
    )
