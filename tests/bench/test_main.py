import json
import os
from types import SimpleNamespace

from bench import cli as main


def test_figures_replace_the_file_with_those_before(monkeypatch, tmp_path):
    module = SimpleNamespace(run=lambda console, shared, limit: {"limit": limit})
    monkeypatch.setattr(main, "_module", lambda name: module)
    path, link = tmp_path / "figures.json", tmp_path / "as they were"
    path.write_text("old")
    os.link(path, link)
    main.bench("link", json=path, shared=tmp_path, limit=7)
    assert json.loads(path.read_text()) == {"link": {"limit": 7}}
    assert link.read_text() == "old"
