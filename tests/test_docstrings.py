"""What docstrings must say: parameters where there are several, and what is raised."""

import ast
from collections.abc import Iterable, Iterator, Mapping

import pytest

from tests.paths import ROOT

FOLDERS = ("bench", "boards", "gen", "host", "hw", "models", "protocol", "sim")
SEVERAL = 3
"""Parameters from which on a public function says what each of them is."""
COMMANDS = {
    "bench/cli.py",
    "gen/cli.py",
    "gen/core_command.py",
    "gen/timing/__main__.py",
    "host/commands/bench.py",
    "host/commands/classify.py",
    "host/commands/info.py",
    "host/commands/program.py",
    "host/commands/serve.py",
    "host/commands/stream.py",
    "host/commands/update.py",
    "host/commands/verify.py",
    "models/quantise_default.py",
    "sim/cli.py",
}
"""Their functions' parameters are options, whose help is beside them."""


def functions(
    tree: ast.Module,
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef, ast.ClassDef | None]]:
    """Public functions, and public methods of public classes, with the class."""
    for node in tree.body:
        owner = node if isinstance(node, ast.ClassDef) else None
        if owner is not None and owner.name.startswith("_"):
            continue
        for inner in owner.body if owner is not None else (node,):
            if not isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if inner.name == "__init__" or not inner.name.startswith("_"):
                name = f"{owner.name}.{inner.name}" if owner is not None else inner.name
                yield name, inner, owner


def own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a function but those of functions inside it."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from own_nodes(child)


def classes(texts: Iterable[str]) -> dict[str, ast.ClassDef]:
    """All classes of some files, by name."""
    bodies = (ast.parse(text).body for text in texts)
    return {node.name: node for body in bodies for node in body if isinstance(node, ast.ClassDef)}


def inherited(known: Mapping[str, ast.ClassDef], owner: ast.ClassDef, method: str) -> str:
    """What the docstrings of a method say in the classes that its own one is made from."""
    bases = [known[name] for name in map(ast.unparse, owner.bases) if name in known]
    found = [
        ast.get_docstring(item) or ""
        for base in bases
        for item in base.body
        if isinstance(item, ast.FunctionDef) and item.name == method
    ]
    return "".join([*found, *(inherited(known, base, method) for base in bases)])


def complaints(
    text: str, *, options: bool = False, known: Mapping[str, ast.ClassDef] | None = None
) -> Iterator[str]:
    """What a file's docstrings leave out; ``known`` are classes that others may be made from."""
    for name, function, owner in functions(ast.parse(text)):
        of_class = owner is not None and function.name == "__init__"
        doc = ast.get_docstring(owner if of_class else function) or ""
        if owner is not None:
            doc += inherited(known or {}, owner, function.name)
        decorated = {ast.unparse(item) for item in function.decorator_list}
        arguments = function.args
        count = len(arguments.posonlyargs + arguments.args + arguments.kwonlyargs)
        if owner is not None and "staticmethod" not in decorated:
            count -= 1
        if count >= SEVERAL and "Parameters\n---" not in doc and not options:
            yield f"{name}: {count} parameters, but no section about them"
        raised = {
            ast.unparse(node.exc.func if isinstance(node.exc, ast.Call) else node.exc)
            for node in own_nodes(function)
            if isinstance(node, ast.Raise) and node.exc is not None
        }
        # Those say that the program is wrong, not what it was given.
        raised -= {"AssertionError", "NotImplementedError", "SystemExit", "typer.Exit"}
        public = {error for error in raised if error[:1].isupper()}
        if public and not any(error.rpartition(".")[2] in doc for error in public):
            yield f"{name}: raises {', '.join(sorted(public))}, and does not say so"


@pytest.mark.parametrize("folder", FOLDERS)
def test_docstrings_are_whole(folder):
    texts = {path: path.read_text() for path in sorted((ROOT / folder).rglob("*.py"))}
    known = classes(texts.values())
    found = [
        f"{path.relative_to(ROOT)}: {complaint}"
        for path, text in texts.items()
        for complaint in complaints(
            text, options=str(path.relative_to(ROOT)) in COMMANDS, known=known
        )
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('def f(a, b, c):\n    """Do."""', "f: 3 parameters, but no section about them"),
        ('def f(a):\n    """Do."""\n    raise ValueError(a)', "f: raises ValueError, and does"),
        (
            'class C:\n    """A."""\n    def __init__(self, a, b, c):\n        pass',
            "C.__init__: 3 parameters",
        ),
        ('def f(a, b):\n    """Do."""', ""),
        ('def _f(a, b, c):\n    """Do."""', ""),
    ],
)
def test_what_is_missing_is_found(text, complaint):
    found = list(complaints(text))
    assert len(found) == bool(complaint)
    assert all(line.startswith(complaint) for line in found)


def test_a_method_may_be_told_of_where_it_comes_from():
    method = '    def {}(self, a, b, c):\n        """Do.{}"""\n'
    base = "class A:\n" + method.format("f", "\n\n        Parameters\n        ----------\n        ")
    middle = "class B(A):\n    pass"
    text = "class C(B):\n" + "".join(method.format(name, "") for name in "fg")
    told = [f"C.{name}: 3 parameters, but no section about them" for name in "fg"]
    assert list(complaints(text)) == told
    assert list(complaints(text, known=classes([base, middle, text]))) == told[1:]
