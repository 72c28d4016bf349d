"""Block RAM primitives against those that Yosys makes of arrays, and their models in a design."""

import json

import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import Out

import hw.stream.fifo
from gen.backend.behaviour import behavioural
from gen.backend.rtlil import run_yosys
from hw.stream import ramb
from hw.stream.block_ram import HALF_BLOCKS
from hw.stream.dual_port import DualPortMemory
from hw.stream.fifo import StreamFifo
from tests.harness import StreamBench


def words_of(block):
    """Random words that fill a block."""
    rng = np.random.default_rng(block.bits)
    return [int.from_bytes(rng.bytes(9), "little") % (1 << block.bits) for _ in range(block.rows)]


class Chip:
    """A platform with block RAM primitives."""

    block_ram = ramb.Ramb


class Placed(DualPortMemory):
    """A memory as it is for that chip."""

    def elaborate(self, platform):
        return super().elaborate(Chip())


class Memories(wiring.Component):
    """A memory of each shape, as a primitive or as an array of words."""

    def __init__(self, kind):
        self._kind = kind
        ports = {}
        for block in HALF_BLOCKS:
            sizes = {"addr_width": block.address_bits, "shape": block.bits}
            ports[f"read{block.bits}"] = Out(memory.ReadPort.Signature(**sizes))
            ports[f"write{block.bits}"] = Out(memory.WritePort.Signature(**sizes))
        super().__init__(ports)

    def elaborate(self, platform):
        m = Module()
        for block in HALF_BLOCKS:
            made = self._kind(block.bits, block.rows, "block", init=words_of(block))
            m.submodules[f"memory{block.bits}"] = made
            for name in ("read", "write"):
                mine, port = getattr(self, f"{name}{block.bits}"), getattr(made, name)
                m.d.comb += [port.en.eq(mine.en), port.addr.eq(mine.addr)]
                source, sink = (port, mine) if name == "read" else (mine, port)
                m.d.comb += sink.data.eq(source.data)
        return m


def block_rams(folder, kind):
    """Block RAMs after Yosys' mapping of memories, by their width: parameters and connections."""
    design, found = folder / "design.il", folder / "design.json"
    text = rtlil.convert(Memories(kind), name="top", emit_src=False)
    design.write_text(text)
    run_yosys(
        f'read_rtlil "{design}"',
        "synth_xilinx -flatten -arch xc7 -top top -noiopad -noclkbuf -run begin:map_ffram",
        "setundef -zero",
        f'select top; write_json -selected "{found}"',
    )
    cells = json.loads(found.read_text())["modules"]["top"]["cells"].values()
    blocks = [cell for cell in cells if cell["type"].startswith("RAMB")]
    widths = [f"{use}_WIDTH_{port}" for use in ("READ", "WRITE") for port in "AB"]
    return {max(int(cell["parameters"][name], 2) for name in widths): cell for cell in blocks}


def test_yosys_makes_the_same_of_an_array(tmp_path):
    folders = [tmp_path / "array", tmp_path / "primitive"]
    for folder in folders:
        folder.mkdir()
    expected, found = map(block_rams, folders, (DualPortMemory, Placed))
    assert set(found) == set(expected) == {block.bits for block in HALF_BLOCKS}
    for bits, (cell, other) in {n: (found[n], expected[n]) for n in found}.items():
        assert cell["type"] == other["type"] == "RAMB18E1"
        mine, theirs = cell["parameters"], other["parameters"]
        ours = [name for name in theirs if name[:4] == "INIT" and name[-2] != "_"]
        assert len(ours) == 64 + 8
        if bits < 9:  # parity bits mean nothing
            ours = [name for name in ours if name.startswith("INIT_")]
        modes = ["RAM_MODE", *(f"{n}_{p}" for n in ("WRITE_MODE",) for p in "AB"), "DOA_REG"]
        assert {name: mine[name] for name in (*ours, *modes)} == {
            name: theirs[name] for name in (*ours, *modes)
        }
        if bits == 36:
            # All pins that mean something are connected alike; Yosys may swap the ports of others.
            for name in ("DIADI", "DIBDI", "DIPADIP", "DIPBDIP", "DOADO", "DOBDO", "WEBWE"):
                assert cell["connections"][name] == other["connections"][name], name


def test_a_design_with_models_in_their_place(tmp_path, monkeypatch):
    monkeypatch.setattr(hw.stream.fifo, "DualPortMemory", Placed)
    bench = StreamBench(StreamFifo(unsigned(50), 600, "block"), "fifo", tmp_path)
    design = tmp_path / "fifo" / "top.il"
    assert design.read_text().count("cell \\RAMB18E1 ") == 3
    (tmp_path / "models").mkdir()
    assert len(behavioural(design, tmp_path / "models")) == 1 + 3
    words = np.random.default_rng(4).integers(0, 1 << 50, (2, 700, 1))
    bench.run({"i": words}, {"o": words}, stalls={"i": 0.1, "o": 0.6}, seed=1)
    assert bench.run({"i": words}, {"o": words}).bubbles("o") == 0


def test_a_block_that_writes_and_reads_differently_has_no_model():
    with pytest.raises(ValueError, match="reads 18 bits, and writes 9"):
        ramb.BehaviouralRamb("RAMB18E1", {"READ_WIDTH_A": 18, "WRITE_WIDTH_B": 9})
