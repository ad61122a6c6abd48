"""Collects, from the source itself, every slug that the code can write into tables, stats and logs.

Nothing is imported and run: the places where a slug is born are found in the syntax. An expression that is not
understood is an error, so a new way to make a slug fails the tests until somebody has looked at it here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from datasync_spider import errors
from tests.unit.docs.pages import PROJECT

PACKAGE = PROJECT / "datasync_spider"

# A slug that carries a code is told by its pattern; the docs write it in this way too.
STATUS = "status_NNN"
SQLSTATE = "refused_by_postgresql_SSSSS"

_RETRYABLE = {kind.__name__ for kind in errors.RetryableError.__subclasses__()} - {"RateLimited"}
# Expressions that stand for a slug which is born elsewhere, and collected there.
_PASSED_ON = {
    "error.reason",
    "self.error.reason",
    "decision.reason",
    "getattr(self.error, 'reason', 'failed')",
    "getattr(error, 'reason', 'failed')",
    "refused.reason",
    # Stopped's text is the signal's name.
    "str(error)",
}


class NotUnderstood(AssertionError):
    """The source makes a slug in a way that this module does not know yet."""


@cache
def _trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


def _module(name: str) -> ast.Module:
    return _trees()[PACKAGE / name]


def _calls(function: str) -> Iterator[tuple[ast.Module, ast.Call]]:
    for tree in _trees().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == function:
                yield tree, node


def _constants(tree: ast.Module) -> dict[str, str]:
    """The module's names for strings."""
    found: dict[str, str] = {}
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
            found[target.id] = value.value
    return found


@cache
def declared_constants() -> dict[str, str]:
    """Every slug that ``reasons.py`` names."""
    return _constants(_module("reasons.py"))


def _evaluate(tree: ast.Module, expression: ast.expr) -> set[str]:
    """The slugs that an expression may stand for."""
    names = {**declared_constants(), **_constants(tree)}
    match expression:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.Constant(value=None):
            return set()
        case ast.Name(id=name) if name in names:
            return {names[name]}
        case ast.IfExp(body=body, orelse=orelse):
            return _evaluate(tree, body) | _evaluate(tree, orelse)
        case ast.BoolOp(values=values):
            return set().union(*(_evaluate(tree, value) for value in values))
        case ast.Call(func=ast.Name(id="status_reason")):
            return {STATUS}
    text = ast.unparse(expression)
    if text in _PASSED_ON:
        return {"failed"} if "'failed'" in text else set()
    raise NotUnderstood(f"what slug is {text}?")


def _class_reasons(bases: set[str]) -> set[str]:
    """The ``reason`` of every class that has one and descends, by name, from one of ``bases``."""
    classes = [node for tree in _trees().values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    descendants = set(bases)
    while True:
        more = {c.name for c in classes if any(ast.unparse(base) in descendants for base in c.bases)} | descendants
        if more == descendants:
            break
        descendants = more
    found: set[str] = set()
    for node in classes:
        for statement in node.body if node.name in descendants else []:
            if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "reason":
                found |= _evaluate(ast.Module([], []), statement.value)
    return found


def retry_reasons() -> set[str]:
    """Why a page is asked for again."""
    found = {"rate_limited"} & _strings_in_class("errors.py", "RateLimited")
    found |= _values_of_dictionary("wire/exchange.py", "TROUBLE")
    for kind in _RETRYABLE:
        for tree, call in _calls(kind):
            if kind == "ConnectionTrouble" and ast.unparse(call.args[0]) == "reason":
                found |= _values_of_dictionary("downloadermiddlewares/retry.py", "_CONNECTION_TROUBLE")
            elif isinstance(call.args[0], ast.Starred):
                # What said_of gives, out of that same dictionary.
                assert "said_of" in ast.unparse(call.args[0])
            else:
                found |= _evaluate(tree, call.args[0])
    return found


def wait_reasons() -> set[str]:
    """Why a pause was made, beside the reasons for asking again."""
    return set().union(
        *(_evaluate(tree, call.args[1]) for tree, call in _calls("wait") if "_waiter" in ast.unparse(call.func))
    )


def rejection_reasons() -> set[str]:
    """Why an event was not stored. A module that refuses pages speaks of pages, any other of events."""
    found: set[str] = set()
    for path, tree in _trees().items():
        if path.parent != PACKAGE / "api":
            continue
        imported = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "datasync_spider.reasons"
            for alias in node.names
        }
        mentioned = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        if not mentioned & _RETRYABLE:
            found |= {declared_constants()[name] for name in imported & declared_constants().keys()}
    return found | _patterns("storage/quarantine.py", "reason")


def run_reasons() -> set[str]:
    """What the ``reason`` of a run's row may be."""
    return (
        _class_reasons({"FatalError", "StorageError", "ConfigurationError"})
        | _second_of_returned_tuples("pipelines/ending.py", "outcome")
        | _signals("local/shutdown.py")
        | {slug for tree, call in _calls("Verdict") for slug in _reason_of_verdict(tree, call)}
        | _ends_of_passes()
        | _values_of_key("storage/runs.py", "reason")
        | _handed_to_finish_run()
    )


def close_reasons() -> set[str]:
    """With what the spider is closed beside the reasons of runs: Scrapy's ``finish_reason``."""
    return set().union(*(_evaluate(tree, call.args[0]) for tree, call in _calls("CloseSpider")))


def statements_that_set_a_run_reason() -> set[str]:
    """The named SQL statements that write ``ingestion_runs.reason``."""
    found: set[str] = set()
    for path in sorted((PACKAGE / "storage" / "sql").glob("*.sql")):
        for part in path.read_text(encoding="utf-8").split("-- name: ")[1:]:
            name, _, text = part.partition("\n")
            if "ingestion_runs" in text and "reason = %(" in text.replace("(reason = 'lost'", ""):
                found.add(name.strip())
    return found


def _handed_to_finish_run() -> set[str]:
    """What else modules end a run with: said in the call, or put into ``reason`` before it.

    What comes as an ``outcome`` is what :class:`Ending` gives, whose reasons are counted there.
    """
    found: set[str] = set()
    for tree, call in _calls("finish_run"):
        if ast.unparse(call.args[3]) != "reason":
            found |= _evaluate(tree, call.args[3])
            continue
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple)):
                continue
            names = [ast.unparse(target) for target in node.targets[0].elts]
            if "reason" not in names:
                continue
            if isinstance(node.value, ast.Tuple):
                found |= _evaluate(tree, node.value.elts[names.index("reason")])
            elif ast.unparse(node.value) != "outcome":
                raise NotUnderstood(f"what reason is in {ast.unparse(node.value)}?")
    return found


def _strings_in_class(module: str, name: str) -> set[str]:
    (node,) = [n for n in ast.walk(_module(module)) if isinstance(n, ast.ClassDef) and n.name == name]
    return {n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def _values_of_dictionary(module: str, name: str) -> set[str]:
    tree = _module(module)
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == name and isinstance(node.value, ast.Dict):
            return set().union(*(_evaluate(tree, value) for value in node.value.values))
    raise NotUnderstood(f"{module} has no dictionary {name}")


def _values_of_key(module: str, key: str) -> set[str]:
    """What stands under a key in the dictionaries of a module, where it is said there and not handed through."""
    found: set[str] = set()
    tree = _module(module)
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for name, value in zip(node.keys, node.values, strict=True):
                if isinstance(name, ast.Constant) and name.value == key and ast.unparse(value) != key:
                    # A signal's name comes from where signals are handled.
                    expressions = value.values if isinstance(value, ast.BoolOp) else [value]
                    told = [one for one in expressions if ast.unparse(one) != "signal_name"]
                    found = found.union(*(_evaluate(tree, one) for one in told))
    return found


def _second_of_returned_tuples(module: str, function: str) -> set[str]:
    tree = _module(module)
    (node,) = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == function]
    found: set[str] = set()
    for statement in ast.walk(node):
        if isinstance(statement, ast.Return):
            assert isinstance(statement.value, ast.Tuple)
            second = statement.value.elts[1]
            if ast.unparse(second) != "self._signal_name":
                found |= _evaluate(tree, second)
    return found


def _reason_of_verdict(tree: ast.Module, call: ast.Call) -> set[str]:
    reason = call.args[2]
    return set() if ast.unparse(reason) == "ends_pass" else _evaluate(tree, reason)


def _ends_of_passes() -> set[str]:
    """What is ever put into a page's ``ends_pass``."""
    found: set[str] = set()
    for tree in _trees().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).endswith(".ends_pass"):
                found |= _evaluate(tree, node.value)
    return found


def _signals(module: str) -> set[str]:
    tree = _module(module)
    (node,) = [n for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "_SIGNALS"]
    return {n.attr for n in ast.walk(node.value) if isinstance(n, ast.Attribute)}


def _patterns(module: str, name: str) -> set[str]:
    """The f-strings that are assigned to ``name``, with their variable part told as the docs tell it."""
    found: set[str] = set()
    for node in ast.walk(_module(module)):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            if not isinstance(node.value, ast.JoinedStr):
                raise NotUnderstood(f"what slug is {ast.unparse(node.value)}?")
            start = node.value.values[0]
            assert isinstance(start, ast.Constant)
            found.add({"refused_by_postgresql_": SQLSTATE}[str(start.value)])
    return found


def all_slugs() -> Iterable[str]:
    return run_reasons() | retry_reasons() | wait_reasons() | rejection_reasons() | close_reasons()
