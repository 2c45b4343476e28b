"""Where the data lies: the settings that name a folder, the cache, and the public addresses.

A folder given on the command line wins over its setting. Both are read as they are and never written to; only
Fashion-MNIST is downloaded when neither is given, into the cache.
"""

import os
from pathlib import Path
from typing import Final

FASHION_MNIST_SETTING: Final = "FASHION_MNIST_DIR"
PHOTOGRAPHS_SETTING: Final = "FASHION_PHOTOS_DIR"
DIGITS_SETTING: Final = "FASHION_DIGITS_DIR"

FASHION_MNIST_ADDRESSES: Final = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)
"""The official home first, then the copy in the dataset's own repository. Both end in a slash."""

PHOTOGRAPHS_ADDRESS: Final = "https://github.com/alexeygrigorev/clothing-dataset"
"""The Clothing dataset of A. Grigorev, CC0 1.0. A clone of it is a folder that `load_photographs` reads."""


def configured_folder(argument: Path | None, setting: str) -> Path | None:
    """Return the folder that the caller or the environment names, the caller first; None if neither does.

    A setting that is empty counts as not set, as a shell's `VARIABLE= command` means it.
    """
    if argument is not None:
        return argument.expanduser()
    named = os.environ.get(setting)
    return Path(named).expanduser() if named else None


def cache_folder() -> Path:
    """Return the folder for downloads, by the XDG base directory specification. It need not exist yet."""
    root = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(root).expanduser() / "fashion-service" / "fashion-mnist"
