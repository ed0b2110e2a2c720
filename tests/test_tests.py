"""Tests can fail: each test function asserts, expects an error, or calls a helper that does."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent
CHECKS = ("raises", "warns", "deprecated_call")  # of pytest
FAILING = ("assert_allclose", "assert_array_equal", "assert_close", "check_model")  # of other packages: they raise

Function = ast.FunctionDef | ast.AsyncFunctionDef


def called(node: ast.AST) -> Iterator[str]:
    """Names of everything called below `node`; of `a.b(…)`, `b`."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Call):
            function = inner.func
            yield function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def asserts(node: ast.AST) -> bool:
    """Whether a failing check stands below `node` itself."""
    found = any(isinstance(inner, ast.Assert | ast.Raise) for inner in ast.walk(node))
    return found or bool({*CHECKS, *FAILING} & set(called(node)))


def functions(text: str) -> list[Function]:
    """All functions of a module, methods and inner ones included."""
    return [node for node in ast.walk(ast.parse(text)) if isinstance(node, Function)]


def asserting_helpers(texts: list[str]) -> set[str]:
    """Functions of the tests, no tests themselves, that assert or call one that does."""
    helpers = [node for text in texts for node in functions(text) if not node.name.startswith("test_")]
    found = {node.name for node in helpers if asserts(node)}
    while more := {node.name for node in helpers if found & set(called(node))} - found:
        found |= more
    return found


def silent_tests(text: str, helpers: set[str]) -> list[str]:
    """Tests that no result of the code can fail."""
    tests = [node for node in functions(text) if node.name.startswith("test_")]
    return [node.name for node in tests if not asserts(node) and not helpers & set(called(node))]


def unreachable_checks(text: str) -> list[str]:
    """Tests whose every check stands in a loop over something that may be empty, with nothing that says it is not.

    A loop over a literal, over a constant in capitals, `range` or `zip(…, strict=True)` with one of them is not empty.
    """
    found = []
    for test in functions(text):
        if not test.name.startswith("test_"):
            continue
        outside = [statement for statement in test.body if not isinstance(statement, ast.For)]
        loops = [statement for statement in test.body if isinstance(statement, ast.For)]
        if loops and not any(asserts(one) for one in outside) and not any(never_empty(one.iter) for one in loops):
            found.append(test.name)
    return found


def never_empty(iterated: ast.expr) -> bool:
    """Whether a loop over it runs at least once, as far as the text tells."""
    if isinstance(iterated, ast.Tuple | ast.List | ast.Set | ast.Dict):
        return any(not isinstance(one, ast.Starred) for one in getattr(iterated, "elts", [1]))
    if isinstance(iterated, ast.Name | ast.Attribute):
        name = iterated.id if isinstance(iterated, ast.Name) else iterated.attr
        return name.isupper()
    if isinstance(iterated, ast.BinOp):
        return never_empty(iterated.left) or never_empty(iterated.right)
    if isinstance(iterated, ast.Call) and isinstance(iterated.func, ast.Attribute):  # of a dict in capitals
        return iterated.func.attr in ("items", "values", "keys") and never_empty(iterated.func.value)
    if isinstance(iterated, ast.Call) and isinstance(iterated.func, ast.Name):
        if iterated.func.id == "range":
            return all(isinstance(one, ast.Constant) for one in iterated.args)
        return iterated.func.id in ("zip", "enumerate", "sorted") and any(never_empty(one) for one in iterated.args)
    return False


def returns_early(text: str) -> list[str]:
    """Tests that return before their end: what stands behind is then not checked. `pytest.skip` says so instead."""
    tests = [node for node in functions(text) if node.name.startswith("test_")]
    return [test.name for test in tests if any(isinstance(node, ast.Return) for node in own_nodes(test))]


def own_nodes(function: Function) -> Iterator[ast.AST]:
    """The nodes of a function, without those of functions inside it."""
    waiting: list[ast.AST] = [*function.body]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, Function | ast.Lambda | ast.ClassDef):
            yield node
            waiting.extend(ast.iter_child_nodes(node))


def texts_of_tests() -> dict[str, str]:
    return {str(file.relative_to(TESTS)): file.read_text(encoding="utf-8") for file in sorted(TESTS.rglob("*.py"))}


def test_every_test_can_fail() -> None:
    texts = texts_of_tests()
    helpers = asserting_helpers([*texts.values()])
    assert sum(text.count("\ndef test_") for text in texts.values()) > 300
    assert [f"{file}: {name}" for file, text in texts.items() for name in silent_tests(text, helpers)] == []


def test_no_test_checks_only_what_may_be_empty() -> None:
    assert [f"{file}: {name}" for file, text in texts_of_tests().items() for name in unreachable_checks(text)] == []


def test_no_test_returns_early() -> None:
    assert [f"{file}: {name}" for file, text in texts_of_tests().items() for name in returns_early(text)] == []


PLANTED = """
def prove(x): assert x
def show(x): print(x)
def prove_all(xs): [prove(x) for x in xs]
def test_silent(): show(1)
def test_loud(): assert run()
def test_by_helper(): prove_all(run())
def test_error():
    with pytest.raises(ValueError): run()
def test_maybe_nothing(folder):
    for file in folder.glob("*"):
        assert file
def test_something(folder):
    for file in (1, 2):
        assert file
def test_counted(folder):
    files = list(folder.glob("*"))
    assert files
    for file in files:
        assert file
def test_leaves(x):
    if not x:
        return
    assert x
def test_inner():
    def inner(): return 1
    assert inner()
"""


def test_planted_tests_that_cannot_fail_are_found() -> None:
    helpers = asserting_helpers([PLANTED])
    assert helpers == {"prove", "prove_all"}
    assert silent_tests(PLANTED, helpers) == ["test_silent"]
    assert unreachable_checks(PLANTED) == ["test_maybe_nothing"]
    assert returns_early(PLANTED) == ["test_leaves"]
