"""The models in `releases/`, which are read where they lie."""

import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fashion.artifact import Artifact, open_artifact
from fashion.errors import DamagedArtifact

RELEASES: Final = Path(__file__).resolve().parent.parent / "releases"
RELEASE_SUFFIX: Final = ".bentomodel"


@contextmanager
def opened_release(path: Path) -> Iterator[Artifact]:
    """Open a released file without importing it anywhere; raises DamagedArtifact."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with tarfile.open(path) as archive:
                _unpack(archive, Path(folder))
        except (tarfile.TarError, OSError, EOFError) as error:
            raise DamagedArtifact(f"{path} is no released model: {error}") from error
        yield open_artifact(Path(folder))


def _unpack(archive: tarfile.TarFile, folder: Path) -> None:
    """Write an archive's files, and none outside `folder`. Filters, which do that, came with Python 3.11.4;
    Debian 12 has 3.11.2."""
    for member in archive:
        path = (folder / member.name).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise tarfile.TarError(f"{member.name!r} lies outside it")
        content = archive.extractfile(member) if member.isfile() else None
        if content is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.read())
