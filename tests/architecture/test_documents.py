"""What the documents say of the tree: links lead somewhere, named files exist, every note is in the index."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(path for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")] if path.is_file())
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#]+)")
NAMED_FILE = re.compile(r"`((?:fashion|service|training|tests|docker|docs|scripts|locks)/[\w/.-]*)`")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file(document):
    broken = [link for link in LINK.findall(document.read_text()) if not (document.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("document", ["ARCHITECTURE.md", "docs/decisions/0004-onnx-artifacts.md"])
def test_every_file_that_is_named_exists(document):
    named = NAMED_FILE.findall((ROOT / document).read_text())
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_decision_note_is_in_the_index():
    index = (ROOT / "docs/decisions/README.md").read_text()
    notes = {path.name for path in (ROOT / "docs/decisions").glob("*.md")} - {"README.md"}
    assert {note for note in notes if f"({note})" not in index} == set()
