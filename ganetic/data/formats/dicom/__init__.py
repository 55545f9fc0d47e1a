"""DICOM files become pictures. The extra ``ganetic[dicom]`` is needed to read one, and not to know one."""

from pathlib import Path

from ganetic.data.picture_format import FORMATS, PictureFormat, Plane
from ganetic.data.pictures import Picture
from ganetic.errors import needs_extra

__all__ = ["SUFFIXES", "is_dicom", "read_dicom"]

SUFFIXES = (".dcm", ".dicom", ".ima")


def is_dicom(file: Path) -> bool:
    """Return whether a file is named as a DICOM file, or begins as one: with "DICM" after 128 bytes (PS3.10, 7.1).

    Many have no suffix. pydicom is not needed to know one. A file that cannot be opened is known by its name alone.
    """
    try:
        if not file.is_file() or file.suffix.lower() in SUFFIXES:
            return file.is_file()
        with file.open("rb") as opened:
            return opened.read(132)[128:] == b"DICM"
    except OSError:
        return False


def read_dicom(file: Path) -> list[Picture]:
    """Read every frame of a DICOM file as a picture; needs the extra ``ganetic[dicom]``.

    Colour and palette pixels become RGB uint8; more than eight bits are scaled down. Grey pixels of at most eight bits
    with neither rescale nor window are uint8 as they are (fewer than eight, spread to 0–255; MONOCHROME1 turned over).
    All other grey pixels are values in units of the file: float32 after a rescale slope and intercept, uint16 after a
    modality lookup table, else the type they are stored in, and uint16 instead of uint8. The window is the first that
    the file names, as `values.linear_window` converts it, or else the ends of its VOI lookup table (`values.ramp`).
    Enhanced files name windows and slopes for each frame.

    Padding pixels of a grey frame get the value of its darkest other pixel: what is outside of a CT's circle, often
    −2000, becomes background, and moves no window. Lossy compression changes padding; then it is not known as such.

    The group is the patient's identifier, or else that of the study or the series.

    Not applied: overlays, ICC profiles, real world value maps, dose grid scaling, supplemental palettes, presentation
    states. Frames beyond the number that the file declares are read, too, as pydicom does.

    Memory: up to six times the decoded pixels, which are at most `ganetic.data.reading.MAX_BYTES`.

    Raises:
        NoPictureError: the file is sound and holds no pixels, such as a report, a plan or a DICOMDIR.
        UserError: it is damaged, too large, of a kind that is not read, or holds values that are not finite; or
            pydicom or a decoder is missing. The line names the file and quotes nothing that may name a patient.
    """
    with needs_extra("dicom", f"{file}: reading DICOM files"):
        from ganetic.data.formats.dicom.read import read  # noqa: PLC0415
    return read(file)


@FORMATS.register("dicom")
class Dicom(PictureFormat):
    """DICOM. Scanners write files whose names end in anything, most often in the number of the image."""

    shown = "DICOM"
    suffixes = SUFFIXES

    def recognises(self, file: Path) -> bool:
        """Return whether a file begins as DICOM does."""
        return is_dicom(file)

    def read(self, file: Path, plane: Plane) -> list[Picture]:  # noqa: ARG002 - its frames are the pictures
        """Read a file as `read_dicom` describes."""
        return read_dicom(file)
