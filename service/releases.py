"""`python -m service.releases`: put the released models into the store, so that a fresh clone has something
to serve.

`make serve` runs it each time. What the store holds already is left alone, and so is every alias that points
somewhere: `stable` is set where a model has none, and moved to a newer release only by `--promote`.
"""

import argparse
import tarfile
from pathlib import Path
from typing import Final

import bentoml
import yaml

from fashion.aliases import promote, read_aliases
from fashion.errors import ArtifactError
from service.store import alias_path, is_in_store

RELEASES: Final = Path(__file__).resolve().parent.parent / "releases"
_MODEL_YAML: Final = "./model.yaml"


def install(folder: Path, *, promoting: bool) -> list[str]:
    """Import what `folder` holds, and set the aliases; says in sentences what was done.

    Raises ArtifactError for a file that is no exported model.
    """
    files = sorted(folder.glob("*.bentomodel"))
    done = [] if files else [f"{folder.name}/ holds no *.bentomodel file: there is nothing to install"]
    for file in files:
        tag = _tag_of(file)
        if not is_in_store(tag):
            bentoml.models.import_model(str(file))
            done.append(f"imported {tag} from {file.name}")
        done += _set_alias(*tag.split(":"), promoting=promoting)
    return done


def _tag_of(file: Path) -> str:
    try:
        with tarfile.open(file) as archive:
            described = yaml.safe_load(archive.extractfile(_MODEL_YAML) or b"")
        return f"{described['name']}:{described['version']}"
    except (tarfile.TarError, OSError, EOFError, KeyError, TypeError, yaml.YAMLError) as error:
        raise ArtifactError(
            f"{file.name} is not an exported BentoML model: fetch it again ({error})"
        ) from error


def _set_alias(name: str, version: str, *, promoting: bool) -> list[str]:
    stable = read_aliases(alias_path()).version(name, "stable")
    if stable == version:
        return []
    if stable is None or promoting:
        promote(alias_path(), name, version)
        return [f"stable of {name} is now {version}"]
    return [
        f"stable of {name} stays at {stable}; `python -m service.releases --promote` moves it to {version}"
    ]


def main() -> None:
    """Parse the arguments, and print what was done."""
    parser = argparse.ArgumentParser(
        prog="python -m service.releases", description="Install the released models."
    )
    parser.add_argument("--from", dest="folder", type=Path, default=RELEASES, help="default: releases/")
    parser.add_argument("--promote", action="store_true", help="move stable to the released versions")
    arguments = parser.parse_args()
    try:
        done = install(arguments.folder, promoting=arguments.promote)
    except ArtifactError as error:
        parser.exit(1, f"{error}\n")
    print("".join(f"{line}\n" for line in done), end="")  # noqa: T201 - a command's output


if __name__ == "__main__":
    main()
