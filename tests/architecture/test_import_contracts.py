"""The import contracts of pyproject.toml hold, and each of them can fail.

`lint-imports` runs on a copy of the three packages: as they are, and with an import planted that one contract
forbids. A contract that is misspelt or matches nothing would let the plant pass.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("fashion", "service", "training")
CONTRACTS = ("layers", "fashion-is-light", "service-without-torch", "one-door-to-the-store")

PLANTS = {
    "fashion imports service": ("layers", {"fashion/planted.py": "import service"}),
    "fashion imports training": ("layers", {"fashion/planted.py": "import training"}),
    "service imports training": ("layers", {"service/planted.py": "import training"}),
    "training imports service": ("layers", {"training/planted.py": "import service"}),
    "fashion imports torch": ("fashion-is-light", {"fashion/planted.py": "import torch.nn"}),
    "fashion imports bentoml": ("fashion-is-light", {"fashion/planted.py": "from bentoml import models"}),
    "fashion imports starlette": (
        "fashion-is-light",
        {"fashion/planted.py": "from starlette.responses import Response"},
    ),
    "service imports torch": (
        "service-without-torch",
        {"service/planted.py": "def late():\n    import torch"},
    ),
    "service imports torch through fashion": (
        "service-without-torch",
        {"service/planted.py": "import fashion.planted", "fashion/planted.py": "import torch"},
    ),
    "another training module imports bentoml": (
        "one-door-to-the-store",
        {"training/planted.py": "import bentoml"},
    ),
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the three packages and of their contracts."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint_imports(tree: Path, contract: str) -> subprocess.CompletedProcess[str]:
    """Check one contract of a tree with the installed import-linter."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--contract", contract]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("contract", CONTRACTS)
def test_contract_holds(tree, contract):
    checked = lint_imports(tree, contract)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "1 kept, 0 broken" in checked.stdout


@pytest.mark.parametrize(("contract", "files"), PLANTS.values(), ids=PLANTS)
def test_contract_breaks_when(tree, contract, files):
    for name, source in files.items():
        (tree / name).write_text(source + "\n")
    checked = lint_imports(tree, contract)
    assert checked.returncode == 1
    assert "0 kept, 1 broken" in checked.stdout, checked.stdout + checked.stderr
    assert "planted" in checked.stdout


def test_every_contract_has_an_import_that_breaks_it():
    assert {contract for contract, _ in PLANTS.values()} == set(CONTRACTS)
