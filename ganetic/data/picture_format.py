"""What a format of picture files is. `ganetic.data.formats` has a file for each."""

from pathlib import Path
from typing import ClassVar, Literal

from ganetic.data.pictures import Picture
from ganetic.registry import Registry

Plane = Literal["axial", "coronal", "sagittal"]
PLANES: tuple[Plane, ...] = ("axial", "coronal", "sagittal")


class PictureFormat:
    """A format of the files in ``folder:DIR``. Each is a subclass that `FORMATS` knows by its name."""

    shown: ClassVar[str]
    """What its files are called in messages."""
    suffixes: ClassVar[tuple[str, ...]]
    """How names of its files end, in lower case, such as ``".nii.gz"``."""

    def recognises(self, file: Path) -> bool:  # noqa: ARG002 - for formats that look at it
        """Return whether a file is of this format whatever it is called; by default only suffixes tell."""
        return False

    def read(self, file: Path, plane: Plane) -> list[Picture]:
        """Read every picture of a file, cut in this plane where it holds a volume.

        Raises:
            NoPictureError: the file is sound and holds no picture; it is left out and counted.
            UserError: it cannot be read.
        """
        raise NotImplementedError


FORMATS: Registry[PictureFormat] = Registry(PictureFormat, "picture format", "ganetic.data.formats")
