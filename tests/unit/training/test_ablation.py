from io import StringIO

import pytest
from rich.console import Console

from fashion.errors import InvalidValue
from tests.unit.training.tiny_data import TINY, tiny_split
from training.ablation import AblationRow, Study, Variant, ablate, as_table
from training.machine import Machine
from training.recipes import find_recipe
from training.recipes.overrides import with_overrides

VARIANTS = (Variant("base"), Variant("no flips", ("flip=0",)))
STUDY = Study(with_overrides(find_recipe("classifier"), [*TINY, "epochs=1"]), VARIANTS, (0, 1))


def row(variant, seed, accuracy):
    return AblationRow(variant, seed, accuracy, 0.9, 0.2, 30.0)


def test_differences_are_paired_by_seed():
    rows = [row("base", 0, 0.90), row("base", 1, 0.80), row("no flips", 0, 0.91), row("no flips", 1, 0.82)]

    table = as_table(rows, STUDY)

    assert [cells[3] for cells in table.rows] == ["-", "+1.50 ± 0.50"]


def test_variants_end_one_after_the_other():
    assert [(variant.name, seed) for variant, seed in STUDY.runs()][1:3] == [("base", 1), ("no flips", 0)]


def test_what_is_finished_is_kept_and_another_studys_rows_are_refused(tmp_path):
    machine, console = Machine.choose("cpu", "fp32", threads=1), Console(file=StringIO())
    one = Study(STUDY.recipe, VARIANTS[:1], (0,))

    first = ablate(one, tiny_split(), tmp_path, machine, console)
    again = ablate(one, tiny_split(), tmp_path, machine, console)

    assert again == first
    assert "| base | 1 |" in (tmp_path / "table.md").read_text()
    with pytest.raises(InvalidValue, match="of another study"):
        ablate(Study(STUDY.recipe, VARIANTS[1:], (0,)), tiny_split(), tmp_path, machine, console)


def test_every_variant_of_the_classifier_is_one_its_recipe_knows():
    assert len(list(Study.of_recipe("classifier", ["epochs=2"], 3, None).runs())) == 36
