"""The threat table: each of its rows is shown by tests that exist, and the code can do nothing that it
excludes."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| (?!threat |---)(.+?) \| .+ \| (.+) \|$", re.MULTILINE)
ROWS = ROW.findall((ROOT / "docs/threats.md").read_text())
NAMED_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
# What fetches, unpickles, starts programs or runs text.
BANNED_IMPORTS = {
    *(
        "aiohttp",
        "ftplib",
        "http.client",
        "httpx",
        "requests",
        "smtplib",
        "urllib.request",
        "urllib3",
        "xmlrpc",
    ),
    *("dill", "joblib", "marshal", "pickle", "shelve"),
    *("ctypes", "multiprocessing", "runpy", "subprocess"),
}
BANNED_CALLS = {"eval", "exec", "compile", "__import__", "system", "popen", "spawnl", "fork"}


def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_the_table_has_rows():
    assert len(ROWS) > 40


@pytest.mark.parametrize("threat", [threat for threat, _ in ROWS])
def test_every_threat_is_shown_by_tests_that_exist(threat: str):
    named = NAMED_TEST.findall(dict(ROWS)[threat])
    assert named
    for file, test in named:
        assert test in names_in(ROOT / file), f"{file}::{test}"


def imports_and_calls(tree: ast.AST) -> tuple[set[str], set[str]]:
    imports: set[str] = set()
    calls: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imports |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Call):
            function = node.func
            # `re.compile` and the like are methods of a module that is named; the builtins are not.
            if isinstance(function, ast.Name):
                calls.add(function.id)
            elif isinstance(function, ast.Attribute) and ast.unparse(function.value) == "os":
                calls.add(function.attr)
    return imports, calls


@pytest.mark.parametrize("package", ["service", "fashion"])
def test_the_serving_code_can_neither_fetch_nor_unpickle_nor_run(package: str):
    for path in (ROOT / package).rglob("*.py"):
        imports, calls = imports_and_calls(ast.parse(path.read_text()))
        roots = {name.split(".")[0] for name in imports} | imports
        assert not roots & BANNED_IMPORTS, path
        assert not calls & BANNED_CALLS, path


@pytest.mark.parametrize(
    "code", ["import pickle", "from urllib import request", "import os; os.system('x')", "eval('1')"]
)
def test_what_is_banned_is_seen(code: str):
    imports, calls = imports_and_calls(ast.parse(code))
    assert imports & BANNED_IMPORTS or calls & BANNED_CALLS
