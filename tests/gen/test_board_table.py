import io
import json
from dataclasses import fields

import pytest
from rich.console import Console

from boards import BOARDS
from gen.board_table import NETWORKS, Planned, boards, show, stored_figures


def test_all_boards_are_planned_and_no_others():
    figures = stored_figures()
    assert figures.keys() == BOARDS.keys()
    for name, planned in figures.items():
        assert tuple(planned) == NETWORKS
        for found in filter(None, planned.values()):
            made = Planned(**found)
            assert list(found) == [field.name for field in fields(Planned)]
            held = BOARDS[name].resources
            assert all(used <= getattr(held, key) for key, used in made.resources.items())


def test_v1_1_fits_the_nexys_video_at_8_bits():
    planned = Planned(**stored_figures()["nexys_video"]["v1.1"])
    assert (planned.bits, planned.link) == (8, "ethernet")
    assert planned.frames_per_second > 500


def test_entries_for_programs(capsys):
    boards(json=True)
    entries = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert entries.keys() == BOARDS.keys()
    entry = entries["genesys2"]
    assert entry["resources"] == {"lut": 203_800, "ff": 407_600, "dsp": 840, "bram36": 445}
    assert entry["links"] == ["UART, 3 Mbaud", "Ethernet, 1000 Mb/s"]
    assert entry["planned"] == stored_figures()["genesys2"]


FOUND = {
    "link": "uart",
    "cycles": 1,
    "frames_per_second": 1234.5,
    "utilisation": 0.85,
    "coded": False,
    "resources": {},
    "links": {"UART, 6 Mbaud": 189.4, "Ethernet, 100 Mb/s": 77.25},
    "bits": 4,
}


@pytest.mark.parametrize(
    ("planned", "expected"),
    [
        ({}, "- / - - -"),
        ({"default": None, "v1.1": None}, "- / - does does"),
        ({"default": FOUND, "v1.1": None}, "189 / - 1234 does"),
        ({"default": FOUND, "v1.1": FOUND}, "189 / 189 1234 1234"),
    ],
)
def test_a_row_of_the_table(planned, expected):
    out = io.StringIO()
    show(Console(file=out), {"arty_a7": planned})
    lines = out.getvalue().splitlines()
    at = next(at for at, line in enumerate(lines) if line.split()[:1] == ["arty_a7"])
    assert " ".join(lines[at].split("Mbaud")[1].split()) == expected
    below = " ".join(" ".join(lines[at + 1 : at + 4]).split())
    assert below.count("on UART") == list(planned.values()).count(FOUND)
    assert below.count("85% of LUTs") == below.count("4 bits") == below.count("on UART")
    assert "Ethernet, 100 Mb/s " in below


def test_the_table_is_wide_enough_where_nobody_says_how_wide(capsys):
    boards()
    text = capsys.readouterr().out
    assert "…" not in text
    for board in BOARDS.values():
        assert f" {board.name} " in text
        assert f" {board.part} " in text
