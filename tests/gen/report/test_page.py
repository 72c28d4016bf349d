import json
import re
from dataclasses import replace

import numpy as np
import pytest

from boards import BOARDS
from gen.backend.cells import CellCount
from gen.backend.routing import ClockRate, Routing
from gen.backend.synth import Synthesis
from gen.backend.synth_report import save
from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from gen.ir.ops import INPUT
from gen.plan.planner import Goal
from gen.report.environment import TIMES, environment
from gen.report.figures import Figures
from gen.report.measured import Measured
from gen.report.page import report_page, write_report
from gen.timing.estimate import Estimate
from gen.timing.paths import Hop, Path
from tests.gen.report.pages import Page, digits
from tests.networks import NetworkBuilder, measured_activations

STRANGE = 'sch\N{LATIN SMALL LETTER A WITH DIAERESIS}rf<b>&"$x$"\N{CJK UNIFIED IDEOGRAPH-5C64}\x07'


@pytest.fixture(scope="module")
def text(figures):
    return report_page(figures, Measured())


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_it_is_whole_and_needs_nothing_else(page, text):
    assert len(set(page.ids)) == len(page.ids)
    assert {ref[1:] for ref in page.references} <= set(page.ids)
    assert all(ref.startswith("#") for ref in page.references)
    assert not {"script", "img", "link", "iframe", "object"} & set(page.tags)
    assert not re.search(r"https?:|@import|url\((?!#)", text)
    assert set(re.findall(r"url\(#([^)]*)\)", text)) <= set(page.ids)
    assert not re.search(r"#(0[1-8])\1\1", text)  # Matplotlib's stand-ins for the page's colours


def test_every_layer_has_a_row_with_the_plans_figures(page, figures):
    plan = json.loads(figures.plan.to_json())
    for op in figures.network.ops:
        [row] = [row for row in page.row(op.name) if len(row) == 13]
        cost = plan["costs"][op.name]
        numbers = [cost["cycles"], *(cost["resources"][n] for n in ("lut", "ff", "dsp", "bram36"))]
        assert [digits(cell) for cell in row[8:]] == numbers
        if op.name in {conv.name for conv in figures.network.convs}:
            node = plan["nodes"][op.name]
            assert row[5].split(TIMES) == [str(node["pe"]), str(node["simd"])]
            assert row[7].startswith(node["weight_memory"])
    [total] = [row for row in page.row("total") if len(row) == 13]
    assert digits(total[8]) == plan["cycles"]


def test_both_graphs_have_every_layer_and_every_stream(text, figures):
    graphs = re.findall(r'<div class="graph .*?</div>', text, re.DOTALL)
    assert len(graphs) == 2
    for graph in graphs:
        assert graph.count('class="box') == len(figures.network.ops) + 1
        assert graph.count('class="arrow') == len(figures.streams)
        assert graph.count('class="queue"') == len(figures.plan.queues)
        assert f'<text class="name" x="22" y="30">{INPUT}</text>' in graph


def charts(text):
    """Captions of all charts."""
    return set(re.findall(r"<figcaption>(.*?)</figcaption>", text))


def test_activations_are_shown_as_they_were_measured(figures):
    found = measured_activations(figures.network)
    network = replace(figures.network, activations=found)
    text = report_page(replace(figures, network=network), Measured())
    assert charts(text) >= {"How often each code occurs", "Signal to noise"}
    page = Page(text)
    assert {ref[1:] for ref in page.references} <= set(page.ids)
    [head] = [at for at, row in enumerate(page.rows) if "signal to noise, dB" in row]
    for row in page.rows[head + 1 : head + 1 + len(network.tensors)]:
        name = row[0]
        tensor = network.tensors[name]
        counts, ratio = found.counts.get(name), found.decibels.get(name)
        assert row[6] == ("" if ratio is None else "exact" if name == "pool1" else f"{ratio:.1f}")
        if counts is None:
            assert row[1:6] == [""] * 5
            continue
        low, high = counts[0] if tensor.signed else 0, counts[-1]
        assert row[1] == str(np.count_nonzero(counts))
        shares = [counts[128 if tensor.signed else 0], low, high, low + high]
        for cell, share in zip(row[2:6], shares, strict=True):
            told = digits(cell) if cell else 0
            assert told == pytest.approx(100 * share / sum(counts), abs=0.051)
        assert f"{name}: {row[1]} of 256 codes used" in text
    least = min(found.decibels.values())
    assert f"ratio against the float network is {least:.1f} dB" in " ".join(page.text)


def test_without_a_float_network_there_is_no_ratio(figures, text):
    found = replace(measured_activations(figures.network), decibels={})
    network = replace(figures.network, activations=found)
    bare = report_page(replace(figures, network=network), Measured())
    assert charts(bare) - charts(text) == {"How often each code occurs"}
    assert "There is no signal-to-noise ratio" in bare
    assert not [row for row in Page(bare).rows if "signal to noise, dB" in row]


def test_small_parts_of_codes_are_told():
    shares = (0.0, 1 / 99_999, 1 / 9_999, 0.25)
    made = environment().from_string("{% for s in shares %}{{ s|share }};{% endfor %}")
    assert made.render(shares=shares) == ";&lt;0.01%;0.01%;25.00%;"


def test_without_frames_the_page_says_how_to_get_activations(text):
    assert "Nothing is known of them" in text
    assert "How often each code occurs" not in charts(text)


def test_rates_and_what_more_would_bring(page, figures):
    plan = figures.plan
    [row] = page.row("accelerator, as planned")
    assert digits(row[1]) == pytest.approx(plan.frames_per_second, abs=0.05)
    [row] = [row for row in page.row("LUT") if len(row) == 3]
    assert digits(row[1]) == pytest.approx(plan.clock_hz / plan.headroom["lut"], abs=0.05)


def test_without_tools_nothing_is_said_of_them(page, figures):
    assert not {"synthesis", "routing"} & set(page.ids)
    bare = replace(figures.network, labels=(), source={})
    plan = replace(figures.plan, headroom={})
    bare_page = Page(report_page(replace(figures, network=bare, plan=plan), Measured()))
    assert page.row("labels")
    assert not bare_page.row("labels")
    assert "With a tenth more of a resource" not in bare_page.text


def test_what_tools_found_is_shown(figures, tmp_path):
    folder = BuildFolder(tmp_path)
    count = CellCount(lut=4321, ff=17, dsp=3, bram36=2, bram18=5, lutram=9)
    path = Path(4.25, (Hop("FDRE", "a", 1, 1.0, 1.0),), "b", "FDRE.D", 0.1, "clk")
    timing = Estimate(
        paths=(path,),
        layers={"conv1": path},
        clocks={"clk": path},
        flip_flops=17,
        reset=3,
        cleared=0,
        fan_outs=(),
        routed=1.25,
        error=None,
    )
    folder.report.write_text("")
    counts = dict.fromkeys(figures.plan.costs, count)
    save(folder, "xc7", figures.plan, Synthesis(counts, timing))
    clocks = (ClockRate("sys<clk", 77.25, 80.0),)
    used = {"lut": (500.0, 1000.0), "ff": (1.0, 8.0), "dsp": (0.0, 8.0), "bram36": (0.5, 2.0)}
    folder.routing.write_text(Routing("a tool", clocks, used).to_json())
    write_report(figures, folder)
    page = Page(folder.page.read_text())
    [row] = [row for row in page.row("conv1") if len(row) == 10]
    planned = figures.plan.costs["conv1"].resources
    expected = [planned.lut, 4321, planned.ff, 17, planned.dsp, 3, planned.bram36, 4.5, 4.25]
    assert [digits(cell) for cell in row[1:]] == expected
    assert page.row("sys<clk") == [["sys<clk", "80", "77.2", "not met"]]
    assert page.row("LUT", "500") == [["LUT", "500", "1\N{NARROW NO-BREAK SPACE}000", "50.0%"]]
    assert "4.25 ns before placement" in " ".join(page.text)
    folder.synthesis.write_text("{}")
    with pytest.raises(FirebrickError, match="damaged"):
        write_report(figures, folder)


def test_names_of_all_kinds(tmp_path):
    net = NetworkBuilder((6, 5, 3), 1)
    x = net.conv(STRANGE, net.conv("/a/very/long/name/of/a/layer/Conv_output_0", INPUT, 4, 3), 5, 1)
    network = replace(net.finish(STRANGE, x), labels=("<i>", "b"))
    goal = Goal(BOARDS["ulx3s_85"], fps=1000.0)
    text = report_page(Figures(network, goal.plan(network), goal.board), Measured())
    page = Page(text)
    shown = STRANGE.replace("\x07", "\N{REPLACEMENT CHARACTER}")
    assert len(page.row(shown)) == 2
    assert page.row("labels") == [["labels", "<i>, b"]]
    assert "\x07" not in text
    assert "<b>" not in text
