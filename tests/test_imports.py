"""What each folder may import: data goes one way, from the network file to the board."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAY_IMPORT = {
    "protocol": set(),
    "hw": {"protocol"},
    "boards": {"hw", "protocol"},
    "gen": {"hw", "boards", "protocol"},
    "sim": {"gen", "hw", "boards", "protocol"},
    "host": {"gen", "protocol", "sim"},
    "models": {"gen", "sim"},
}


def imports(path: Path) -> set[str]:
    """First parts of the names that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_a_folder_imports_only_what_it_may(folder):
    ours = {*MAY_IMPORT, "bench", "tests"}
    files = list((ROOT / folder).rglob("*.py"))
    assert files
    for path in files:
        assert imports(path) & ours <= MAY_IMPORT[folder] | {folder}, path


def test_the_host_needs_no_hardware_and_the_golden_model_no_generator():
    for path in (ROOT / "host").glob("*.py"):
        if path.name != "sim_transport.py":
            assert "sim" not in imports(path), path
    assert not imports(ROOT / "sim" / "golden.py") & {"hw", "boards"}
