import json
import multiprocessing
import pickle
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from PIL import Image

from gen.formats.onnx_float import import_float
from gen.frames.pixel_options import PixelOptions
from gen.ir.network import QuantizedNetwork
from gen.ir.network_file import save_network
from gen.ir.preprocessing import Normalisation
from gen.quantise.calibrate import float_logits, run_float
from gen.quantise.post_training import quantise
from sim import golden
from sim.accuracy import Job, Tally, prepare
from sim.cli import app
from sim.labelled import Labelled
from sim.workers import parts
from tests.gen.formats.statically import quantised
from tests.gen.onnx_models import frames, squeezenet
from tests.generated import run_command

COUNT = 11
NORMALISATION = Normalisation(mean=(120.0, 110.0, 100.0), std=(60.0, 58.0, 62.0))
METADATA = {"mean": "120,110,100", "std": "60,58,62"}


@dataclass(frozen=True)
class Case:
    """A float network, its integers, and labelled photographs, with what they should give."""

    folder: Path
    network: QuantizedNetwork
    pictures: np.ndarray
    truth: np.ndarray

    @property
    def options(self) -> list[object]:
        return [self.folder / "photos", "--labels", self.folder / "photos.txt"]

    def hits(self, scores: np.ndarray) -> dict[str, float]:
        ranks = [
            sum(row > row[t]) + sum(row[:t] == row[t])  # equal scores go to the lower class
            for row, t in zip(scores, self.truth, strict=True)
        ]
        return {
            "top1": 100 * float(np.mean(np.array(ranks) < 1)),
            "top5": 100 * float(np.mean(np.array(ranks) < 5)),
        }


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> Case:
    folder = tmp_path_factory.mktemp("accuracy")
    model = squeezenet(metadata=METADATA)
    onnx.save(model, folder / "float.onnx")
    graph = import_float(model, "float")
    network = quantise(graph, frames(16, seed=5), normalisation=NORMALISATION, weight_bits=5)
    save_network(network, folder / "network.npz")
    pictures = frames(COUNT)
    (folder / "photos").mkdir()
    sums = golden.class_sums(network, pictures)
    truth = np.argsort(-sums, axis=1)[np.arange(COUNT), np.arange(COUNT) % sums.shape[1]]
    for index, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(folder / "photos" / f"picture {index:02}.png")
    lines = [f"picture {index:02}.png {label}\n" for index, label in enumerate(truth)]
    (folder / "photos.txt").write_text("".join(lines))
    return Case(folder, network, pictures, truth)


def run(case, monkeypatch, capsys, *options):
    arguments = ("accuracy", case.folder / "network.npz", *case.options, "--json", *options)
    assert run_command(monkeypatch, app, *arguments) == 0
    return json.loads(capsys.readouterr().out)


def test_a_network_that_gets_nothing_right_is_told(case, monkeypatch, capsys, tmp_path):
    labels = tmp_path / "labels.txt"
    worst = np.argsort(golden.class_sums(case.network, case.pictures), axis=1)[:, 0]
    lines = [f"picture {index:02}.png\t{label}\n" for index, label in enumerate(worst)]
    labels.write_text("".join(lines), encoding="utf-8-sig")
    command = ("accuracy", case.folder / "network.npz", case.folder / "photos", "--labels", labels)
    assert run_command(monkeypatch, app, *command, "--processes", 1, "--json") == 0
    assert json.loads(capsys.readouterr().out)["integers"]["top1"] == 0.0
    assert run_command(monkeypatch, app, *command, "--processes", 1) == 0
    assert "0.00" in capsys.readouterr().out


def test_integers_alone(case, monkeypatch, capsys):
    entry = run(case, monkeypatch, capsys, "--processes", 1)
    assert entry["images"] == COUNT
    assert entry["integers"] == pytest.approx(
        case.hits(golden.class_sums(case.network, case.pictures))
    )
    assert 0 < entry["integers"]["top1"] < entry["integers"]["top5"]
    assert "float" not in entry


def test_against_the_float_network(case, monkeypatch, capsys):
    pytest.importorskip("onnxruntime")
    options = ("--float", case.folder / "float.onnx", "--processes", 1)
    entry = run(case, monkeypatch, capsys, *options)
    graph = import_float(onnx.load(case.folder / "float.onnx"), "x").fold_input(NORMALISATION)
    logits = float_logits(graph, case.pictures)
    sums = golden.class_sums(case.network, case.pictures)
    assert entry["float"] == pytest.approx(case.hits(logits))
    assert entry["agree"] == pytest.approx(100 * np.mean(logits.argmax(1) == sums.argmax(1)))
    ratios = entry["signal_to_noise_db"]
    assert set(ratios) == {op.name for op in graph.ops}
    codes = golden.run(case.network, case.pictures)
    for op, real in run_float(graph, case.pictures):
        noise = codes[op.name] * case.network.tensors[op.name].scale - real
        expected = 10 * np.log10((real.astype(float) ** 2).mean() / (noise**2).mean())
        assert ratios[op.name] == pytest.approx(expected, abs=1e-3)
        assert expected > 5


def test_a_network_that_reads_codes_against_the_float_one(case, monkeypatch, capsys, tmp_path):
    model = squeezenet(metadata=METADATA, last_relu=False)
    onnx.save(model, tmp_path / "float.onnx")
    made = quantised(model, tmp_path, normalisation=NORMALISATION)
    path = tmp_path / "quantised.onnx"
    options = ["--float", tmp_path / "float.onnx", "--processes", 1, "--mean", "120,110,100"]
    command = ["accuracy", path, *case.options, "--json", *options, "--std", "60,58,62"]
    helper.set_model_props(made, METADATA)
    onnx.save(made, path)
    assert run_command(monkeypatch, app, *command) == 0
    entry = json.loads(capsys.readouterr().out)
    assert entry["agree"] > 80
    assert len(entry["signal_to_noise_db"]) > 10
    assert min(entry["signal_to_noise_db"].values()) > 15
    assert run_command(monkeypatch, app, *command[:5], "--mean", "1,2,3") == 2
    assert "but the input's codes -" in capsys.readouterr().err


def test_processes_change_nothing(case, monkeypatch, capsys):
    pytest.importorskip("onnxruntime")
    options = ("--float", case.folder / "float.onnx")
    alone = run(case, monkeypatch, capsys, *options, "--processes", 1)
    together = run(case, monkeypatch, capsys, *options, "--processes", 2)
    assert multiprocessing.active_children() == []
    ratios = [entry.pop("signal_to_noise_db") for entry in (alone, together)]
    assert ratios[0] == pytest.approx(ratios[1])
    for entry in (alone, together):
        del entry["images_per_second"]
    assert alone == together


@pytest.mark.filterwarnings("default")
def test_a_dask_cluster(case, monkeypatch, capsys):
    distributed = pytest.importorskip("distributed")
    alone = run(case, monkeypatch, capsys, "--processes", 1)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        monkeypatch.chdir(case.folder)  # the images are given by a path that only is right here
        entry = run_relative(case, monkeypatch, capsys, "--scheduler", cluster.scheduler_address)
    assert entry["integers"] == alone["integers"]
    assert entry["images"] == COUNT


def run_relative(case, monkeypatch, capsys, *options):
    arguments = ("accuracy", "network.npz", "photos", "--labels", "photos.txt", "--json")
    assert run_command(monkeypatch, app, *arguments, *options) == 0
    return json.loads(capsys.readouterr().out)


def test_tables_and_a_limit(case, monkeypatch, capsys):
    pytest.importorskip("onnxruntime")
    arguments = ("--float", case.folder / "float.onnx", "--processes", 1, "--limit", 4)
    command = ("accuracy", case.folder / "network.npz", *case.options, *arguments)
    assert run_command(monkeypatch, app, *command) == 0
    text = capsys.readouterr().out
    for word in ("4 images", "top-5", "float (ONNX Runtime)", "fire2", "5 bits", "dB"):
        assert word in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace("picture 00.png", "none.png"), "picture 00.png: has no label"),
        (lambda t: t + "gone.png 1\n", "names 'gone.png', which is not in"),
        (lambda t: t + "picture 00.png\n", "is not `FILE CLASS`"),
        (lambda t: t + "picture 00.png 999999\n", "class 999999, but the network has"),
        (lambda t: t + t.replace(" 0\n", " 1\n").replace(" 2\n", " 1\n"), "on an earlier line"),
        (lambda t: "\n\n", "holds no label"),
        (lambda t: "\udcff", "cannot read labels"),
    ],
)
def test_labels_that_do_not_fit(case, monkeypatch, capsys, tmp_path, change, message):
    text = change((case.folder / "photos.txt").read_text())
    path = tmp_path / "labels.txt"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    arguments = ("accuracy", case.folder / "network.npz", case.folder / "photos", "--labels", path)
    assert_refused(monkeypatch, capsys, arguments, message)


def assert_refused(monkeypatch, capsys, arguments, message):
    assert run_command(monkeypatch, app, *arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert len(error.splitlines()) == 1
    assert message in error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--float", "{folder}/network.npz"), "not a readable ONNX model"),
        (("--float", "{folder}/none.onnx"), "no such model file"),
        (("--float", "{folder}/other.onnx"), "compare networks of one kind"),
        (("--preprocess", "raw"), "name a float network with --float"),
        (("--float", "{folder}/float.onnx", "--preprocess", "x"), "unknown input normalisation"),
        (("--processes", "1", "--scheduler", "tcp://127.0.0.1:1"), "leave one out"),
        (("--limit", "0"), "--limit"),
    ],
)
def test_bad_options(case, monkeypatch, capsys, options, message):
    other = squeezenet()
    other.graph.input[0].type.tensor_type.shape.dim[2].dim_value += 4
    onnx.save(other, case.folder / "other.onnx")
    filled = [option.format(folder=case.folder) for option in options]
    arguments = ("accuracy", case.folder / "network.npz", *case.options, *filled)
    assert_refused(monkeypatch, capsys, arguments, message)


def test_a_float_network_is_no_network_of_integers(case, monkeypatch, capsys):
    arguments = ("accuracy", case.folder / "float.onnx", *case.options)
    assert_refused(monkeypatch, capsys, arguments, "is a float model; quantise it first")


def test_an_unreadable_image_is_named(case, monkeypatch, capsys, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_text("no image")
    (tmp_path / "a.txt").write_text("a.png 0\n")
    command = ("accuracy", case.folder / "network.npz", tmp_path / "photos")
    for processes in (1, 2):
        arguments = (*command, "--labels", tmp_path / "a.txt", "--processes", processes)
        assert_refused(monkeypatch, capsys, arguments, "a.png: not an image")


@pytest.mark.filterwarnings("default")
def test_no_scheduler_there(case, monkeypatch, capsys):
    pytest.importorskip("distributed")
    monkeypatch.setattr("gen.common.workers.CONNECT_SECONDS", 1)
    arguments = ("accuracy", case.folder / "network.npz", *case.options)
    options = ("--scheduler", "tcp://127.0.0.1:1")
    assert_refused(monkeypatch, capsys, (*arguments, *options), "no Dask scheduler")


def test_without_dask(case, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    arguments = ("accuracy", case.folder / "network.npz", *case.options)
    options = ("--scheduler", "tcp://127.0.0.1:1")
    assert_refused(monkeypatch, capsys, (*arguments, *options), "--scheduler needs Dask")


def test_without_onnxruntime(case, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.delitem(sys.modules, "sim.reference", raising=False)
    arguments = ("accuracy", case.folder / "network.npz", *case.options, "--processes", "1")
    options = ("--float", case.folder / "float.onnx")
    assert_refused(monkeypatch, capsys, (*arguments, *options), "needs ONNX Runtime")


def test_jobs_travel(case):
    job = prepare(case.folder / "network.npz", case.folder / "float.onnx", PixelOptions())
    copy: Job = pickle.loads(pickle.dumps(job))
    assert copy.network.digest == case.network.digest
    assert copy.reference.normalisation == NORMALISATION


def test_parts_hold_every_image_once():
    images = [Labelled(Path(str(i)), i) for i in range(101)]
    for workers in (1, 2, 7, 500):
        cut = parts(images, workers)
        assert [image for part in cut for image in part] == images
        assert len(cut) >= min(workers, 101)


def test_nothing_differs_means_infinitely_good():
    tally = Tally(1, signal={"a": 2.0, "b": 0.0}, noise={"a": 0.0, "b": 1.0})
    assert tally.decibels() == {"a": float("inf")}
