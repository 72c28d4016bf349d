import pytest

from gen.common.errors import FirebrickError
from gen.ir.labels import ClassNames, choose_labels, read_labels

TEXT = "n01440764 tench, Tinca tinca\nnaïve café\n"
NAMES = ("tench, Tinca tinca", "naïve café")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("behind", ["", "\n", "   \n", "\n\n  \t\n"])
def test_names_are_the_same_however_the_file_is_saved(tmp_path, encoding, end, behind):
    path = tmp_path / "labels.txt"
    path.write_bytes((TEXT + behind).replace("\n", end).encode(encoding))
    assert read_labels(path) == ClassNames(NAMES, str(path))


def test_a_file_that_is_no_unicode_text_is_refused(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_bytes(TEXT.encode("latin-1"))
    with pytest.raises(FirebrickError, match=r"labels\.txt: .*byte 31 is no UTF-8; save it as"):
        read_labels(path)
    with pytest.raises(FirebrickError, match=r"none\.txt: cannot read class names \(No such"):
        read_labels(tmp_path / "none.txt")


def test_given_names_go_before_the_models_and_these_before_numbers():
    metadata = {"labels": '["x", "y"]'}
    assert choose_labels(2, metadata, ClassNames(("a", "b"), "file")) == ("a", "b")
    assert choose_labels(2, metadata) == ("x", "y")
    assert choose_labels(2, {}) == ("class 0", "class 1")


@pytest.mark.parametrize("said", ["oops", '"ab"', "{}", "[" * 100_000, "null"])
def test_metadata_that_is_no_list_is_refused_with_a_remedy(said):
    with pytest.raises(FirebrickError, match=r"no JSON list of names; mend it, or .*--labels FILE"):
        choose_labels(2, {"labels": said})


def test_names_are_counted_and_their_source_is_told():
    with pytest.raises(FirebrickError, match=r"a\.txt: 2 class names for a network of 3 classes"):
        choose_labels(3, {}, ClassNames(("x", "y"), "a.txt"))
    with pytest.raises(FirebrickError, match=r"metadata 'labels' of the model: 1 class names"):
        choose_labels(3, {"labels": '["x"]'})
