"""The wild bench: what it calls right, refused, wrong and faulty; and the zoo."""

import json
from functools import partial

import numpy as np
import onnx
import pytest
from onnx import helper
from typer.testing import CliRunner

from bench import simulated, wild
from bench.cli import app
from bench.onnx_writer import CLASSES
from bench.simulated import BOARD, ROOMY, Simulated, Simulations
from bench.wild import FAULTY, IMPORTED, REFUSED, WRONG, look
from bench.zoo import zoo
from bench.zoo_quantised import quantised_zoo
from gen.common.errors import FirebrickError, RefusedNode
from gen.formats.onnx_float import import_onnx
from gen.ir.graph import FloatGraph

ZOO = zoo()


def test_there_are_as_many_forms_as_promised():
    assert len(ZOO) >= 60


@pytest.mark.parametrize("name", ["opset01", "opset06", "opset17", "caffe2_03", "resnet"])
def test_forms_are_what_the_runtime_says(name):
    row = look(name, lambda: (import_onnx(ZOO[name]().model, name), ZOO[name]().twin))
    assert row.result == IMPORTED
    assert row.told.startswith("as ONNX Runtime, ")
    assert not row.fault


@pytest.mark.parametrize("name", sorted(set(ZOO) - {"opset01", "caffe2_03"}))
def test_all_forms_are_imported(name):
    graph = import_onnx(ZOO[name]().model, name)
    assert isinstance(graph, FloatGraph)
    assert graph.classes == CLASSES


@pytest.mark.parametrize(("name", "told"), [
    ("qonnx_w4a8", "as QONNX's specification, "), ("qdq_branch_scales", "as ONNX Runtime, "),
    ("qdq_channels_4", "as ONNX Runtime, "), ("kalray_fp16", "as ONNX Runtime, "),
])  # fmt: skip
def test_quantised_forms_are_what_an_executor_says(name, told):
    made = quantised_zoo()[name]()
    row = look(name, lambda: (import_onnx(made.model, name), made.twin))
    assert row.result == IMPORTED
    assert row.told.startswith(told)


def test_versions_are_written_in_their_own_forms():
    kinds = {node.op_type: node for node in ZOO["opset01"]().model.graph.node}
    assert {a.name for a in kinds["Reshape"].attribute} == {"shape"}
    assert "axis" in {a.name for a in kinds["Add"].attribute}


def raising(error: Exception):
    def source():
        raise error

    return source


def test_refusals_must_be_whole():
    told = {
        RefusedNode("n", "Op", "is odd; leave it out"): REFUSED,
        RefusedNode("n", "Op", "is odd"): FAULTY,
        FirebrickError("is odd; leave it out"): REFUSED,
        FirebrickError("is odd"): FAULTY,
        ValueError("of Python; own"): FAULTY,
    }
    for error, result in told.items():
        assert look("it", raising(error)).result == result


def test_other_weights_are_wrong():
    specimen = ZOO["matmul"]()
    other = onnx.ModelProto()
    other.CopyFrom(specimen.model)
    values = np.frombuffer(other.graph.initializer[0].raw_data, np.float32) * 1.1
    other.graph.initializer[0].raw_data = values.tobytes()
    row = look("matmul", lambda: (import_onnx(other, "it"), specimen.twin))
    assert (row.result, row.fault) == (WRONG, True)
    assert "off from ONNX Runtime" in row.told


def test_simulated_frames_are_compared(monkeypatch):
    boards = []

    def on(board, network, frames, cycles):
        boards.append(board)
        if board == BOARD:
            raise FirebrickError("too large; take another board")
        return Simulated(board, cycles, 3 if network.name == "wrong" else 0)

    monkeypatch.setattr(simulated, "_on", on)
    simulations, made = Simulations(), ZOO["matmul"]()

    def source(name: str):
        return import_onnx(made.model, name), made.twin

    for name in ("right", "equal"):
        row = look(name, partial(source, name), simulations)
        assert row.told.endswith("; simulated on genesys2, 20000 cycles")
    assert boards == [BOARD, ROOMY]  # once for both, as the integers are the same
    row = look("wrong", partial(source, "wrong"), Simulations())
    assert row.result == WRONG
    assert row.told == "3 of 4 simulated frames are not the golden model's"


def test_a_folder_of_files(tmp_path):
    (tmp_path / "deeper").mkdir()
    onnx.save(ZOO["matmul"]().model, tmp_path / "deeper" / "right.onnx")
    (tmp_path / "half.onnx").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("no model")
    (tmp_path / "net.pth").write_bytes(b"torch")
    figures = tmp_path / "figures.json"
    shown = CliRunner().invoke(app, ["wild", str(tmp_path), "--json", str(figures)])
    assert shown.exit_code == 0
    rows = json.loads(figures.read_text())["wild"]
    results = {row["name"]: row["result"] for row in rows}
    expected = {"deeper/right.onnx": IMPORTED, "half.onnx": REFUSED, "net.pth": REFUSED}
    assert results == expected


def test_faults_end_with_status_1(tmp_path, monkeypatch):
    monkeypatch.setattr(wild, "read_model", lambda path: {}[path])
    (tmp_path / "any.onnx").write_bytes(b"")
    assert CliRunner().invoke(app, ["wild", str(tmp_path)]).exit_code == 1


def test_nothing_to_look_at(tmp_path):
    for folder in (tmp_path, tmp_path / "lacking"):
        with pytest.raises(FirebrickError, match="name"):
            wild.run(None, folder)


def test_an_unknown_operator_of_the_runtime_is_told(tmp_path):
    made = ZOO["matmul"]()
    made.twin.graph.node.append(helper.make_node("Lacking", ["data"], ["z"], domain="mine"))
    row = look("it", lambda: (import_onnx(ZOO["matmul"]().model, "it"), made.twin))
    assert row.told.startswith("not compared")


def test_other_weights_of_a_quantised_file_are_wrong():
    made = quantised_zoo()["qonnx_w4a8"]()
    other = onnx.ModelProto()
    other.CopyFrom(made.model)
    (weight,) = (t for t in other.graph.initializer if t.name == "conv10.weight")
    values = onnx.numpy_helper.to_array(weight) * np.float32(0.9)
    weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
    row = look("it", lambda: (import_onnx(other, "it"), made.twin))
    assert row.result == WRONG
