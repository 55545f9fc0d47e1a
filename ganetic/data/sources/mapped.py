"""``mapped:FILE``: an npz archive whose images stay in the file, for sets that are larger than memory."""

from ganetic.data.data_source import DATA, DataRequest, DataSource
from ganetic.data.raw import RawImages
from ganetic.data.sources.npz import read_npz
from ganetic.errors import UserError


@DATA.register("mapped")
class Mapped(DataSource):
    """An npz archive that numpy.savez wrote, whose images no process reads as a whole.

    A search reads the file once, for its fingerprint, and its workers read the images of each batch. On a cluster every
    node needs the file at the same path. Images that are stored as RGB stay so, grey or not.
    """

    place = "FILE"
    is_path = True

    def read(self, wanted: DataRequest) -> RawImages:
        """Read all but the images, and map these.

        Raises:
            UserError: the file cannot be read or its images mapped, or another size is wanted.
        """
        if wanted.size is not None:
            raise UserError(
                f"mapped:{wanted.place}: images that stay in their file cannot be resized; write a file of images of "
                f"{wanted.size} pixels a side, or name it npz:{wanted.place}"
            )
        return read_npz(wanted.path, is_mapped=True)
