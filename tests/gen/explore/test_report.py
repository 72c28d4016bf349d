import csv
import io
import json

from rich.console import Console

from gen.explore.point import Result
from gen.explore.report import print_report, write_csv, write_json
from gen.explore.row import rows_of
from gen.explore.space import Space
from gen.formats.family import Family
from gen.ir.widths import Width
from tests.gen.explore.sweeps import DESIGN, made_results, made_rows, made_space

SPACE = made_space(
    "sr=0.125,0.25,0.75", boards=("arty_a7", "genesys2"), widths=(Width(4), Width(8))
)


def shown(space: Space, width: int = 160) -> str:
    text = io.StringIO()
    print_report(Console(file=text, width=width), made_rows(space), space)
    return text.getvalue()


def test_rows_have_numbers_front_and_paper():
    cells = made_rows(SPACE)[0].cells()
    family = Family()
    assert cells == {
        "board": "arty_a7", "weight_bits": "4", "base_e": 128, "incr_e": 128, "pct_3x3": 0.5,
        "freq": 2, "sr": 0.125, "bypass": "none", "size": 224, "classes": 1000,
        "parameters": 1248424, "macs": family.macs, "float_bytes": 4 * 1248424,
        "frames_per_second": 100e6 / (family.macs // 300), "cycles": family.macs // 300,
        "clock_hz": 100_000_000, "lut": DESIGN.lut, "lut_available": 63400, "ff": DESIGN.ff,
        "ff_available": 126800, "dsp": 240, "dsp_available": 240, "bram36": 134.5,
        "bram36_available": 135, "multipliers": 900, "limits": "DSP, RAMB36", "pareto": True,
        "paper_megabytes": "4.8", "paper_top1": 57.5, "paper_top5": 80.3, "why_not": None,
    }  # fmt: skip


def test_a_row_without_a_network_has_the_same_cells():
    space = made_space("sr=0.5,7")
    point = list(space.points())[1]
    rows = made_rows(made_space("sr=0.5,0.75"))
    (row,) = rows_of([point], {point: Result(why="sr=7.0: too much")})
    cells = row.cells()
    assert list(cells) == list(rows[0].cells())
    assert (cells["parameters"], cells["float_bytes"], cells["lut"]) == (None, None, None)
    assert (cells["why_not"], cells["pareto"], cells["paper_top5"]) == (
        "sr=7.0: too much", False, None,
    )  # fmt: skip


def test_only_like_networks_compete():
    space = made_space("bypass=none,simple", "size=64,128,224", "sr=0.25,0.5,0.75")
    results = made_results(space)
    slow = next(p for p in results if p.values["size"] == 64 and p.values["sr"] == 0.25)
    design = type(DESIGN)(**{**vars(DESIGN), "cycles": 10**9})
    results[slow] = Result(1, 1, design)
    rows = rows_of(list(space.points()), results)
    best = {row.point for row in rows if row.best}
    # Of each bypass and size all are on the front, but the slow one and the last, which is none.
    assert best == {row.point for row in rows if row.result.design} - {slow}


def test_json_and_csv_have_all_points(tmp_path):
    rows = made_rows(SPACE)
    write_json(rows, SPACE, tmp_path / "a.json")
    write_csv(rows, tmp_path / "a.csv")
    entry = json.loads((tmp_path / "a.json").read_text())
    assert entry["sweeps"] == {"sr": [0.125, 0.25, 0.75]}
    assert entry["points"] == [row.cells() for row in rows]
    assert len(rows) == 12
    with (tmp_path / "a.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert lines == [
        {key: "" if value is None else str(value) for key, value in row.cells().items()}
        for row in rows
    ]


def test_tables_say_what_fits_and_what_does_not():
    text = shown(SPACE)
    assert "arty_a7 (Digilent Arty A7-100T) at 100 MHz, 80% of its LUTs planned with" in text
    assert "arty_a7: no design for 2 of 6" in text
    line = next(line for line in text.splitlines() if "1248424" in line)
    assert line.split() == [
        "0.125", "4", "1248424", "819", "4.8", "36.6", "●", "50000", "240", "134.5", "DSP,",
        "RAMB36", "57.5/80.3",
    ]  # fmt: skip
    assert "of 63400" in text
    assert "of 445" in text
    failed = [line.split() for line in text.splitlines() if "it needs [too] much" in line]
    assert [line[:2] for line in failed] == [["0.75", "4"], ["0.75", "8"]] * 2
    assert "does not fit" not in text
    assert "take less" not in text
    assert "arXiv:1602.07360" in text


def test_what_makes_no_network_is_told_in_full():
    (point,) = made_space("sr=0.5").points()
    text = io.StringIO()
    rows = rows_of([point], {point: Result(why="sr=0.5: 9 parameters; 8 are allowed")})
    print_report(Console(file=text, width=80), rows, made_space("sr=0.5"))
    assert "sr=0.5: 9 parameters; 8 are allowed" in text.getvalue()
    assert "Pareto" not in text.getvalue()


def test_what_the_paper_does_not_say_is_no_column():
    text = shown(made_space("sr=0.2,0.3,0.4"))
    assert "paper" not in text
    assert "sr" in text


def test_a_narrow_terminal_loses_nothing_that_was_swept():
    lines = shown(made_space("sr=0.25,0.5", "pct_3x3=0.25,0.5"), 80).splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.split()[:2] == ["0.25", "0.5"] for line in lines)
