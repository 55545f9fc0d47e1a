"""What a source of images is: what `--data` names. `ganetic.data.sources` has a file for each."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from ganetic.data.picture_format import Plane
from ganetic.data.raw import RawImages
from ganetic.errors import UserError
from ganetic.files import refuse_other_than_utf8
from ganetic.registry import Registry


@dataclass(frozen=True)
class DataRequest:
    """Which images are wanted of a source.

    Attributes:
        kind: the name of the source.
        place: what follows the colon; empty where the name is a word.
        plane: in which plane volumes are cut into pictures.
        size: side in pixels to which images will be resized; None where they stay as they are.
        download: whether what is missing may be downloaded.
        root: where downloads are.
    """

    kind: str
    place: str = ""
    plane: Plane = "axial"
    size: int | None = None
    download: bool = False
    root: Path = field(default_factory=Path)

    @property
    def path(self) -> Path:
        """The place as a file or folder, with an absolute path and the user's home in the place of ``~``.

        Raises:
            UserError: there is no such home, or the path is not UTF-8.
        """
        try:
            path = Path(self.place).expanduser().absolute()
        except RuntimeError as error:
            raise UserError(f"{self.kind}:{self.place}: {str(error).rstrip('.')}; write the whole path") from None
        refuse_other_than_utf8(path)
        return path


@dataclass(frozen=True)
class Origin:
    """Where a set of images comes from, and on which terms it may be used.

    Attributes:
        licence: as its owners name it, such as ``CC BY 4.0``; empty where it is not known.
        credit: who made it, with an address.
        hub: the set's name on the Hugging Face Hub, where it is there.
    """

    licence: str = ""
    credit: str = ""
    hub: str = ""


class DataSource:
    """A source of images. Each is a subclass that `DATA` knows by its name, which is what `--data` begins with."""

    place: ClassVar[str] = ""
    """What stands behind the name and a colon, such as ``FILE``; empty where the name is all, as in ``mnist5k``."""
    is_path: ClassVar[bool] = False
    """Whether the place is a path, which is written down as an absolute one."""
    takes_window: ClassVar[bool] = False
    """Whether images may have more than 8 bits or come from volumes, so that a window and a plane mean something."""
    downloads: ClassVar[bool] = False
    """Whether it may fetch what is missing from the network, where that is allowed."""

    def read(self, wanted: DataRequest) -> RawImages:
        """Read the images; `ganetic.data.raw.raw_images` checks arrays and makes the set of them.

        Raises:
            UserError: they are missing, or no such images.
        """
        raise NotImplementedError

    def origin(self, wanted: DataRequest) -> Origin:  # noqa: ARG002 - for sources that know it
        """Return where the images come from; a user's own files say nothing of that.

        Raises:
            UserError: what knows it is not installed.
        """
        return Origin()


DATA: Registry[DataSource] = Registry(DataSource, "data set", "ganetic.data.sources", "ganetic.data")
