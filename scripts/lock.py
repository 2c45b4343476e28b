"""The exact version of everything: `write` makes locks/ anew, `check` compares them with pyproject.toml.

`locks/service.txt` pins what serving installs, with tracing (a Bento is built from it, and an image cannot be
added to), `locks/all.txt` what all extras install. Both are read off real installations into an empty
environment, so they name what comes along, too.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "locks"
HEADER = "# Written by `make lock` from pyproject.toml. Do not edit.\n"


def requirements(project_file: Path) -> dict[str, list[str]]:
    """What serving and what `all` extras need, base included, as pyproject.toml writes it."""
    project = tomllib.loads(project_file.read_text())["project"]
    base: list[str] = project["dependencies"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    everything = [line for lines in extras.values() for line in lines]
    return {"service": base + extras["service"] + extras["tracing"], "all": base + everything}


def read_lock(lock: Path) -> dict[str, str]:
    """The pins of a lock file: canonical name to version."""
    lines = (line.split("==") for line in lock.read_text().splitlines() if not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in lines}


def complaints(project_file: Path, locks: Path) -> list[str]:
    """Every way in which the locks do not fit the project, one sentence each; empty when they fit."""
    pins = {name: read_lock(locks / f"{name}.txt") for name in ("service", "all")}
    found = [
        f"locks/{name}.txt has {pins[name].get(canonicalize_name(wanted.name), 'no pin')} for '{wanted}'"
        for name, lines in requirements(project_file).items()
        for wanted in map(Requirement, lines)
        if not wanted.specifier.contains(pins[name].get(canonicalize_name(wanted.name), ""), prereleases=True)
    ]
    found += [
        f"locks/service.txt has {name} {version}, locks/all.txt has {pins['all'].get(name, 'none')}"
        for name, version in pins["service"].items()
        if pins["all"].get(name) != version
    ]
    found += [
        f"locks/{lock}.txt has {name} {version}: a '+local' version exists on one index alone"
        for lock, versions in pins.items()
        for name, version in versions.items()
        if "+" in version
    ]
    return found


def write_locks() -> None:
    """Install into an empty environment, `service` first, and pin what came."""
    LOCKS.mkdir(exist_ok=True)
    wanted = requirements(ROOT / "pyproject.toml")
    torch = [line for line in wanted["all"] if Requirement(line).name == "torch"]
    with tempfile.TemporaryDirectory(prefix="lock-") as folder:
        venv.create(folder, with_pip=False)
        service_lock = LOCKS / "service.txt"
        pip(folder, "install", *wanted["service"])
        service_lock.write_text(HEADER + frozen(folder))
        pip(
            folder,
            "install",
            "--no-deps",
            "--retries=1",
            "--index-url",
            os.environ["TORCH_INDEX_URL"],
            *torch,
        )
        pip(folder, "install", "--constraint", str(service_lock), *wanted["all"])
        (LOCKS / "all.txt").write_text(HEADER + frozen(folder))


def frozen(environment: str) -> str:
    """The pins of an environment, without the local part that names a build (`2.13.0+cpu`)."""
    lines = pip(environment, "freeze", "--all").splitlines()
    return "".join(line.split("+")[0] + "\n" for line in lines)


def pip(environment: str, *arguments: str) -> str:
    """Run this interpreter's pip on another environment; its standard output."""
    command = [sys.executable, "-m", "pip", "--python", environment, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check; 1 when the locks do not fit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["write", "check"])
    if parser.parse_args(arguments).action == "write":
        write_locks()
    found = complaints(ROOT / "pyproject.toml", LOCKS)
    for sentence in found:
        print(sentence, file=sys.stderr)
    if found:
        print("The locks do not fit pyproject.toml: run `make lock`.", file=sys.stderr)
        return 1
    print("The locks fit pyproject.toml.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
