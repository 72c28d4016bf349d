import os
import stat
from dataclasses import replace

import pytest

from gen.common.build_folder import BuildFolder, FolderKind
from gen.common.errors import FirebrickError
from tests.gen.common.test_manifest import UART


def write(folder, **files):
    """Write the folder as the generator does: some files, then the manifest."""
    with folder.replaced() as work:
        for name, text in files.items():
            (work.path / name).write_text(text)
        work.manifest_path.write_text(replace(UART, files=work.names()).to_json())


def contents(folder):
    return {path.name: path.read_text() for path in folder.path.iterdir() if path.is_file()}


@pytest.fixture
def folder(tmp_path):
    """One that we wrote, and where others have put a bitstream and a link to nowhere since."""
    made = BuildFolder(tmp_path / "deep" / "board")
    write(made, plan="old", stale="old")
    made.bitstream.write_text("bitstream")
    (made.path / "link").symlink_to("nowhere")
    for compiled in (made.simulation, made.simulation_with_waves, made.simulation_with_link):
        compiled.mkdir()
        (compiled / "simulation.so").touch()
    made.synthesis.write_text("of the old plan")
    return made


def beside(folder):
    return [path.name for path in folder.path.parent.iterdir()]


def test_a_new_folder_is_there_with_all_that_was_written(tmp_path):
    folder = BuildFolder(tmp_path / "deep" / "board")
    write(folder, plan="new")
    assert contents(folder) == {"plan": "new", "manifest.json": folder.manifest().to_json()}
    assert folder.manifest().files == ("plan",)
    assert folder.foreign_files() == []
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o755
    assert beside(folder) == ["board"]


def test_what_others_put_there_and_compiled_simulations_stay(folder):
    assert folder.foreign_files() == ["link", "top.bit"]
    write(folder, plan="new")
    assert folder.foreign_files() == ["link", "top.bit"]
    assert set(folder.names()) == {
        *("plan", "manifest.json"),
        *("top.bit", "link"),
        *("sim", "sim_waves", "sim_board"),
    }
    assert folder.bitstream.read_text() == "bitstream"
    assert os.readlink(folder.path / "link") == "nowhere"
    assert (folder.simulation_with_link / "simulation.so").exists()
    assert contents(folder)["plan"] == "new"
    assert beside(folder) == ["board"]


def test_what_is_written_takes_the_place_of_a_foreign_file(folder):
    write(folder, plan="new", **{"top.bit": "ours"})
    assert folder.bitstream.read_text() == "ours"
    assert folder.foreign_files() == ["link"]


@pytest.mark.parametrize("error", [FirebrickError("no"), KeyboardInterrupt()])
def test_a_failed_write_leaves_what_was_there(folder, error):
    before, names = contents(folder), folder.names()

    def fail():
        with folder.replaced() as work:
            work.plan.write_text("new")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert (contents(folder), folder.names()) == (before, names)
    assert beside(folder) == ["board"]


def test_a_full_disk_is_told_with_a_remedy(folder):
    def fail():
        with folder.replaced() as work:
            raise OSError(28, "No space left on device", str(work))

    with pytest.raises(FirebrickError, match=r"board: cannot be written \(No space.*make room"):
        fail()


@pytest.mark.parametrize("last", range(1, 8))
def test_an_interruption_amid_the_renames_loses_nothing(folder, monkeypatch, last):
    before, names, rename, renames = contents(folder), folder.names(), os.rename, []

    def interrupted(source, destination):
        renames.append(source)
        if len(renames) == last:
            raise KeyboardInterrupt
        rename(source, destination)

    monkeypatch.setattr("os.rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(folder, plan="new")
    assert (contents(folder), folder.names()) == (before, names)
    assert beside(folder) == ["board"]


def test_a_folder_that_is_not_ours_is_left_alone(tmp_path):
    folder = BuildFolder(tmp_path / "thesis")
    folder.path.mkdir()
    (folder.path / "thesis.tex").touch()
    with pytest.raises(FirebrickError, match="not empty and was not written by"):
        write(folder, plan="new")
    assert folder.names() == ("thesis.tex",)
    assert beside(folder) == ["thesis"]


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("", False),
        ("[]", False),
        ("[" * 100_000, False),
        ("\xff", False),
        ('{"generator": "other"}', False),
        ('{"generator": "firebrick"}', True),
        ('{"generator": "firebrick", "files": 3, "link": "of a later version"}', True),
    ],
)
def test_any_version_of_ours_may_be_replaced(tmp_path, text, ours):
    folder = BuildFolder(tmp_path)
    folder.manifest_path.write_text(text, encoding="latin-1")
    if ours:
        folder.check_writable()
    else:
        with pytest.raises(FirebrickError, match="not written by"):
            folder.check_writable()
    with pytest.raises(FirebrickError, match=r"manifest\.json: damaged, .*; generate it with"):
        folder.manifest()


def test_what_a_folder_was_generated_for(folder, tmp_path):
    assert folder.kind is FolderKind.BOARD
    assert BuildFolder(tmp_path / "nothing").kind is None
    core = BuildFolder(tmp_path)
    core.manifest_path.write_text('{"generator": "firebrick", "core": "firebrick_core"}')
    assert core.kind is FolderKind.CORE
    with pytest.raises(FirebrickError, match="is of an IP core, and a board's is wanted; name"):
        core.manifest()


def test_a_link_or_a_file_is_no_folder_to_write(tmp_path):
    real = BuildFolder(tmp_path / "real")
    write(real, plan="old")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "file").touch()
    for name in ("link", "file"):
        with pytest.raises(FirebrickError, match="exists and is no folder"):
            write(BuildFolder(tmp_path / name), plan="new")
    with pytest.raises(FirebrickError, match=r"file is no folder; choose another"):
        write(BuildFolder(tmp_path / "file" / "board"), plan="new")
    assert contents(real)["plan"] == "old"
    below = BuildFolder(tmp_path / "link" / "board")
    write(below, plan="new")
    assert contents(BuildFolder(real.path / "board"))["plan"] == "new"


def test_not_the_folder_we_are_in(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for path in (tmp_path / "here", tmp_path / "here" / ".." / "here"):
        with pytest.raises(FirebrickError, match="the folder you are in, or around it"):
            BuildFolder(path).check_writable()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(FirebrickError, match=f"no permission in {tmp_path}; choose another"):
        write(BuildFolder(tmp_path / "deep" / "board"), plan="new")


def test_a_file_system_that_may_not_be_written_is_told(tmp_path, monkeypatch):
    def refuse(**options):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    with pytest.raises(FirebrickError, match=r"board: cannot be written \(Read-only.*--out"):
        write(BuildFolder(tmp_path / "board"), plan="new")


def test_what_is_missing_is_told_with_a_remedy(tmp_path):
    folder = BuildFolder(tmp_path / "build" / "ulx3s_85")
    with pytest.raises(FirebrickError, match=r"ulx3s_85: no such folder; .*--board ulx3s_85`"):
        folder.require()
    write(folder, **{"plan.json": "{}"})
    folder.require(folder.plan, folder.manifest_path)
    with pytest.raises(FirebrickError, match=r"\(network\.npz is missing\); .*--board ulx3s_85`"):
        folder.require(folder.plan, folder.network)
    elsewhere = BuildFolder(tmp_path / "mine")
    with pytest.raises(FirebrickError, match=f"--board BOARD --out {elsewhere}`, or name another"):
        elsewhere.manifest()


def killed(folder, *, taken=False):
    """Leave what a process leaves that is killed amid the renames, the last one done or not."""
    hidden = folder.path.with_name(f".{folder.path.name}.abcdefgh.firebrick")
    new = BuildFolder(hidden / "new")
    write(new, plan="newer")
    os.rename(folder.path, hidden / "old")
    if taken:
        os.rename(new.path, folder.path)


@pytest.mark.parametrize("taken", [False, True])
def test_what_a_killed_process_left_is_put_back(folder, taken):
    killed(folder, taken=taken)
    write(folder, plan="new")
    assert folder.foreign_files() == ["link", "top.bit"]
    assert folder.bitstream.read_text() == "bitstream"
    assert contents(folder)["plan"] == "new"
    assert beside(folder) == ["board"]


def test_what_another_process_is_writing_is_left_alone(folder):
    with folder.replaced() as other:
        other.plan.write_text("other")
        write(folder, plan="new")
        assert other.plan.read_text() == "other"
    assert beside(folder) == ["board"]


@pytest.mark.parametrize("name", ["plan", "manifest.json", "sim/simulation.so", "."])
def test_what_is_read_is_not_replaced(folder, name):
    read = folder.path / name
    with pytest.raises(FirebrickError, match=r"is read, and would be replaced with all of.*--out"):
        folder.check_writable([None, read])


def test_what_others_put_there_may_be_read_since_it_stays(folder, tmp_path):
    folder.check_writable([folder.bitstream, tmp_path / "elsewhere", tmp_path / "deep"])
