"""Tables of figures, whatever their shape."""

from docs.tables import tables


def test_few_cases_are_columns():
    [table] = tables({"a": {"frames/s": 1, "LUT": 2, "by_kind": 3}, "b": {"frames/s": 4, "LUT": 5}})
    assert table.splitlines() == [
        *("|  | a | b |", "| --- | --- | --- |"),
        *("| frames/s | 1 | 4 |", "| LUT | 2 | 5 |", "| by kind | 3 |  |"),
    ]


def test_many_cases_are_rows():
    [table] = tables({name: {"LUT": index} for index, name in enumerate("abc")})
    assert table.splitlines()[2:] == ["| a | 0 |", "| b | 1 |", "| c | 2 |"]


def test_one_that_was_refused_is_among_the_others():
    cases = {name: {"LUT": 1, "used": {"DSP": 2}} for name in "abcd"}
    [table] = tables({**cases, "e": {"refused": "too large"}})
    head, _, *lines = table.splitlines()
    assert head == "|  | LUT | used, DSP | refused |"
    assert (lines[0], lines[-1]) == ("| a | 1 | 2 |  |", "| e |  |  | too large |")


def test_what_differs_has_tables_of_its_own():
    figures = {"first": {"a": 1, "b": 2}, "second": {"x": {"c": 3}, "y": {"c": 4}}, "third": 5}
    titles = [part.strip() for part in tables(figures) if part.startswith("#")]
    assert titles == ["### first", "### second", "### third"]
    assert "| first |" not in "".join(tables(figures))


def test_figures_without_cases():
    assert list(tables({"faults": 12})) == ["|  | figure |\n| --- | --- |\n| faults | 12 |\n"]
