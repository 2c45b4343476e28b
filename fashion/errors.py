"""Everything that can go wrong below the service, as one tree.

    FashionError
    ├── PictureError             a sender's picture cannot be used
    │   ├── UnreadablePicture      not decodable, or of a format that is not allowed
    │   ├── PictureTooLarge        more pixels than the caller allows
    │   └── NotANetworkInput       asked to go through untouched, but not 28x28
    ├── InvalidValue             a value outside its range (a label, a count, latents of the wrong size)
    ├── DatasetError             a dataset file is missing, damaged, or not what it claims to be
    │   └── DownloadError          none of the addresses delivered it
    ├── ArtifactError            a model folder cannot be trusted
    │   ├── UnknownFormatVersion   written by another generation of this project
    │   ├── DamagedArtifact        a file is missing, altered, unlisted, or its manifest makes no sense
    │   ├── GraphMismatch          a graph's inputs or outputs disagree with the manifest
    │   ├── ProbeMismatch          the engine does not reproduce what training computed
    │   └── WrongKind              a classifier where an autoencoder was needed, or the reverse
    ├── AliasError               the alias file is damaged, or a change to it makes no sense
    └── UnknownModel             no model of that name, alias or version

Each message says what was expected, what came, and what to do. Nothing here knows a status code: the service
translates once, in one table.
"""


class FashionError(Exception):
    """The root: catch it to catch everything that this project raises on purpose."""


class PictureError(FashionError):
    """A sender's picture cannot be used."""


class UnreadablePicture(PictureError):
    """The bytes are no readable picture of an allowed format."""


class PictureTooLarge(PictureError):
    """The picture has more pixels than the caller allows."""


class NotANetworkInput(PictureError):
    """The picture was to go through untouched, but is not 28x28."""


class InvalidValue(FashionError):
    """A value is outside its range.

    `field` names the argument at fault, so that a caller can point its own user at it.
    """

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class DatasetError(FashionError):
    """A dataset file is missing, damaged, or not what it claims to be."""


class DownloadError(DatasetError):
    """None of the addresses delivered the file."""


class ArtifactError(FashionError):
    """A model folder cannot be trusted."""


class UnknownFormatVersion(ArtifactError):
    """The artifact was written by another generation of this project."""


class DamagedArtifact(ArtifactError):
    """A file is missing, altered or unlisted, or the manifest makes no sense."""


class GraphMismatch(ArtifactError):
    """A graph's inputs or outputs disagree with the manifest."""


class ProbeMismatch(ArtifactError):
    """The engine does not reproduce what training computed."""


class WrongKind(ArtifactError):
    """A classifier where an autoencoder was needed, or the reverse."""


class AliasError(FashionError):
    """The alias file is damaged, or a change to it makes no sense."""


class UnknownModel(FashionError):
    """No model of that name, alias or version."""
