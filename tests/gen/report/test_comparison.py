import json
import sys
from dataclasses import replace

import pytest

from gen.cli import app
from gen.common.build_folder import BuildFolder
from gen.common.manifest import EthernetLink, UartLink
from gen.ir.network_file import save_network
from gen.report.stored import load_figures
from tests.gen.common.test_manifest import ETHERNET, UART
from tests.gen.report.pages import Page, digits
from tests.generated import run_command
from tests.networks import measured_activations


def write(folder, figures, manifest):
    """A build folder, as far as figures need it."""
    made = BuildFolder(folder)
    folder.mkdir()
    save_network(figures.network, made.network)
    made.plan.write_text(figures.plan.to_json())
    made.manifest_path.write_text(manifest.to_json())
    return made


@pytest.fixture
def builds(figures, tmp_path):
    """Two builds, the second at half the clock and on Ethernet."""
    slow = replace(figures, plan=replace(figures.plan, clock_hz=figures.plan.clock_hz // 2))
    uart = replace(UART, board="arty_a7", link=UartLink(115200))
    lan = replace(ETHERNET, board="arty_a7")
    return [write(tmp_path / "one", figures, uart), write(tmp_path / "two", slow, lan)]


def test_a_folder_is_read_back_with_its_link(figures, builds):
    one, two = map(load_figures, builds)
    assert one.plan == figures.plan
    assert one.network.digest == figures.network.digest
    assert one.board.baud == 115200
    assert one.board.station is None
    assert isinstance(ETHERNET.link, EthernetLink)
    assert two.board.station.address == ETHERNET.link.ip
    assert two.board.station.port == ETHERNET.link.udp_port


def test_builds_side_by_side(figures, builds, monkeypatch, capsys, tmp_path):
    page = tmp_path / "both.html"
    assert run_command(monkeypatch, app, "compare", *builds, "--html", page) == 0
    lines = capsys.readouterr().out.splitlines()
    [clock] = [line.split()[-2:] for line in lines if "clock, MHz" in line]
    assert float(clock[0]) == 2 * float(clock[1]) == figures.plan.clock_hz / 1e6
    shown = Page(page.read_text())
    assert all(ref.startswith("#") for ref in shown.references)
    for name, cost in figures.plan.costs.items():
        *_, row = shown.row(name)
        assert [digits(cell) for cell in row[1:]] == [cost.cycles] * 2


def test_the_same_for_programs(figures, builds, monkeypatch, capsys):
    assert run_command(monkeypatch, app, "compare", *builds, "--json") == 0
    one, two = json.loads(capsys.readouterr().out)["builds"]
    assert one["cycles"] == two["cycles"] == figures.plan.cycles
    assert one["frames_per_second"] == 2 * two["frames_per_second"]
    assert one["folder"] == str(builds[0])
    assert one["limit"] == "link"
    assert "synthesised" not in one
    assert one["layers"]["conv1"]["cycles"] == figures.plan.costs["conv1"].cycles


def test_activations_are_compared_where_they_were_measured(figures, builds, monkeypatch, capsys):
    assert run_command(monkeypatch, app, "compare", *builds) == 0
    assert "signal to noise" not in capsys.readouterr().out
    found = measured_activations(figures.network)
    save_network(replace(figures.network, activations=found), BuildFolder(builds[1].path).network)
    assert run_command(monkeypatch, app, "compare", *builds) == 0
    [told] = [line for line in capsys.readouterr().out.splitlines() if "signal to noise" in line]
    least = min(found.decibels, key=found.decibels.__getitem__)
    assert told.split("dB")[1].split() == ["-", f"{found.decibels[least]:.1f}", "in", least]
    assert run_command(monkeypatch, app, "compare", *builds, "--json") == 0
    one, two = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)["builds"]
    assert "activations" not in one
    assert two["activations"]["frames"] == found.frames
    assert two["activations"]["signal_to_noise_db"] == {**found.decibels, "pool1": None}
    counts = found.counts["conv1"]
    assert two["activations"]["saturated"]["conv1"] == counts[255] / sum(counts)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: folder.plan.unlink(), "plan.json is missing"),
        (lambda folder: folder.plan.write_text("{}"), "plan.json: damaged"),
        (lambda folder: folder.network.write_bytes(b""), "network.npz"),
        (lambda folder: folder.synthesis.write_text("[]"), "synth.json: damaged"),
        (lambda folder: folder.routing.write_text("{"), "routing.json: damaged"),
        (
            lambda folder: folder.manifest_path.write_text(replace(UART, board="b").to_json()),
            "board 'b' is not known",
        ),
    ],
)
def test_a_damaged_build_is_told(builds, monkeypatch, capsys, damage, message):
    damage(builds[1])
    assert run_command(monkeypatch, app, "compare", *builds) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_one_build_is_not_enough(builds, monkeypatch, capsys):
    assert run_command(monkeypatch, app, "compare", builds[0]) == 2
    assert "two build folders or more" in capsys.readouterr().err
    assert run_command(monkeypatch, app, "compare", *builds, "--html", builds[0]) == 2
    assert "is a folder" in capsys.readouterr().err


def test_pictures_are_drawn_only_where_they_are_wanted(builds, monkeypatch):
    for name in [name for name in sys.modules if name.startswith(("gen.report.page", "jinja2"))]:
        monkeypatch.delitem(sys.modules, name)
    assert run_command(monkeypatch, app, "compare", *builds) == 0
    assert "gen.report.page" not in sys.modules
