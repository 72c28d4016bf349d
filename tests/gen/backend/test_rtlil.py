import pytest
from amaranth.hdl import Module, unsigned
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from gen.backend import rtlil
from gen.common.errors import FirebrickError

BYTES = stream.Signature(unsigned(8))


class Table(wiring.Component):
    """Looks each byte up in a memory."""

    i: In(BYTES)
    o: Out(BYTES)

    def elaborate(self, platform):
        m = Module()
        m.submodules.lookup = lookup = memory.Memory(shape=8, depth=256, init=range(255, -1, -1))
        port = lookup.read_port(domain="sync")
        m.d.comb += [port.addr.eq(self.i.payload), self.o.payload.eq(port.data)]
        m.d.comb += [self.i.ready.eq(self.o.ready), self.o.valid.eq(self.i.valid)]
        return m


class Wrapped(wiring.Component):
    i: In(BYTES)
    o: Out(BYTES)

    def elaborate(self, platform):
        m = Module()
        m.submodules.inner = inner = Table()
        connect(m, flipped(self.i), inner.i)
        connect(m, inner.o, flipped(self.o))
        return m


def test_verilog_keeps_ports_hierarchy_and_memories(tmp_path):
    path = tmp_path / "dut.v"
    rtlil.write_rtlil(Wrapped(), tmp_path / "dut.il", "dut")
    rtlil.rtlil_to_verilog(tmp_path / "dut.il", path)
    text = path.read_text()
    top, inner = text.split("endmodule")[:2]
    assert "module dut(" in top
    assert " inner (" in top
    for port in ("i__payload", "i__valid", "i__ready", "o__payload", "o__valid", "o__ready"):
        assert f" {port};" in top
        assert f" {port};" in inner
    assert "reg [7:0] lookup [255:0];" in inner
    assert "8'hfe" in inner


def test_yosys_failure_is_one_line(tmp_path):
    path = tmp_path / "bad.il"
    path.write_text("this is no RTLIL\n")
    with pytest.raises(FirebrickError, match=r"Yosys failed: ERROR: .*") as caught:
        rtlil.rtlil_to_verilog(path, tmp_path / "bad.v")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "module top;\nendmod"])
def test_a_file_that_yosys_could_not_finish_is_refused(monkeypatch, tmp_path, text):
    monkeypatch.setattr(rtlil, "run_yosys", lambda *commands: (tmp_path / "x.v").write_text(text))
    with pytest.raises(FirebrickError, match=r"x\.v: .*disk full"):
        rtlil.rtlil_to_verilog(tmp_path / "x.il", tmp_path / "x.v")


def test_yosys_reason_is_told(tmp_path):
    with pytest.raises(FirebrickError, match=r"Yosys failed: .*none\.il"):
        rtlil.rtlil_to_verilog(tmp_path / "none.il", tmp_path / "x.v")
