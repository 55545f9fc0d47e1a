"""NIfTI volumes become pictures, slice by slice.

The format: https://nifti.nimh.nih.gov/nifti-1/documentation/nifti1fields and, with larger fields, NIfTI-2.
"""

import gzip
from math import isfinite, prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ganetic.data.picture_format import FORMATS, PictureFormat, Plane
from ganetic.data.pictures import Picture
from ganetic.data.reading import MAX_BYTES, MAX_PICTURES, NoPictureError, reading, too_large
from ganetic.data.units import Pixels, in_units, rescale
from ganetic.errors import UserError, needs_extra, unknown

if TYPE_CHECKING:  # nibabel is an extra
    from nibabel.nifti1 import Nifti1Header

SUFFIXES = (".nii", ".nii.gz")
_PLANES = {"sagittal": 0, "coronal": 1, "axial": 2}  # the axis of RAS that its slices are counted along


def read_nifti(file: Path, plane: str = "axial") -> list[Picture]:
    """Read every slice of a NIfTI volume as a picture; needs the extra ``ganetic[nifti]``.

    The volume is turned and mirrored, never interpolated, to the closest of the axes right, anterior, superior. A file
    that tells no orientation is taken as nibabel takes it: left, anterior, superior. Slices are seen as radiologists
    see them. Axial ones are seen from the feet: the nose is up, the patient's right is at the left. Coronal ones are
    seen from the front: the head is up, the patient's right is at the left. Sagittal ones have the head up and the nose
    at the left. Slices follow each other from the feet to the head, from the back to the front, from the patient's left
    to the right; all slices of one time point come before those of the next. Where voxels are longer than wide,
    pictures are not stretched to make up for it.

    Grey values are in units of the file: float32 after ``scl_slope`` and ``scl_inter``, else the type they are stored
    in, uint16 instead of uint8, as uint8 volumes are often labels 0, 1, 2. The window is ``cal_min`` to ``cal_max``
    where that is larger. RGB24 and RGBA32 become uint8; opacity is dropped. Empty slices are kept. The group is the
    path: one file is taken to be of one person.

    A file may be gzipped whatever its name. Of a pair, the ``.hdr`` is named, and the ``.img`` beside it is read.

    Args:
        file: a NIfTI-1 or NIfTI-2 file.
        plane: ``"axial"``, ``"coronal"`` or ``"sagittal"``.

    Memory: up to five times the voxels, which are at most `ganetic.data.reading.MAX_BYTES` as they are stored.

    Raises:
        NoPictureError: the file is sound and holds vectors, matrices or a line instead of a volume.
        UserError: the plane is unknown; nibabel is missing; or the file is damaged, too large, complex, or holds values
            that are not finite.
    """
    if plane not in _PLANES:
        raise unknown("plane", plane, _PLANES)
    with needs_extra("nifti", f"{file}: reading NIfTI files"):
        import nibabel  # noqa: F401, PLC0415
    header = _header(file)
    volume = _volume(file, header)
    slope, intercept = _scale(file, header)
    low, high = float(header["cal_min"]), float(header["cal_max"])
    window = (low, high) if isfinite(low) and isfinite(high) and low < high else None
    along = np.moveaxis(volume, (3, _PLANES[plane]), (0, 1))
    slices = [part[::-1, ::-1].swapaxes(0, 1) for moment in along for part in moment]
    if volume.dtype.names:
        return [Picture(np.stack([part[name] for name in "RGB"], axis=-1), group=str(file)) for part in slices]
    values = [in_units(rescale(part, slope, intercept)) for part in slices]
    if bad := sum(not np.isfinite(part).all() for part in values):
        raise UserError(
            f"{file}: {bad} of {len(values)} slices hold values that are not finite, such as NaN; replace them, as by "
            "numpy.nan_to_num, and write it anew"
        )
    return [Picture(part, window, group=str(file)) for part in values]


def _header(file: Path) -> "Nifti1Header":
    """The header of a file, checked by nibabel; NIfTI-2's is a subclass of NIfTI-1's."""
    from nibabel.nifti1 import Nifti1Header  # noqa: PLC0415
    from nibabel.nifti2 import Nifti2Header  # noqa: PLC0415

    with reading(file, "NIfTI file", "nibabel"):
        block = _read(file, 0, Nifti2Header.sizeof_hdr)
        size = block[:4]
        if Nifti2Header.sizeof_hdr in (int.from_bytes(size, "little"), int.from_bytes(size, "big")):
            return Nifti2Header(block)
        return Nifti1Header(block[: Nifti1Header.sizeof_hdr])


def _read(file: Path, offset: int, count: int) -> bytes:
    """Read so many bytes of a file or of what it holds gzipped; fewer at its end, and never more."""
    if not file.is_file():
        raise UserError(f"{file}: no such file")
    with file.open("rb") as opened:
        zipped = opened.read(2) == b"\x1f\x8b"
        opened.seek(0)
        with gzip.GzipFile(fileobj=opened) if zipped else opened as stream:
            stream.seek(offset)
            return stream.read(count)


def _volume(file: Path, header: "Nifti1Header") -> Pixels:
    """The voxels as they are stored, ``(R, A, S, time)``: along each axis from the first to the last of its name."""
    from nibabel.orientations import apply_orientation, io_orientation  # noqa: PLC0415

    with reading(file, "NIfTI file", "nibabel"):
        shape = tuple(int(side) for side in header.get_data_shape())
        dtype = header.get_data_dtype()
        offset = header.get_data_offset()
        if header["magic"] == header.single_magic:
            offset = max(offset, header.single_vox_offset)
        axes = io_orientation(header.get_best_affine())
    if dtype.kind not in "iufV":
        raise UserError(f"{file}: holds {dtype} numbers; expected real ones or colours: save their magnitude instead")
    if not shape or min(shape) < 1:
        raise UserError(f"{file}: declares a volume of {_times(shape)} voxels; it is damaged: copy it again")
    if prod(shape[4:]) > 1 or sorted((1, *shape[:3]))[-2] == 1:
        raise NoPictureError(f"{file}: holds no picture ({_times(shape)} numbers)")
    shape = (*shape, 1, 1, 1)[:4]
    if offset + prod(shape) * dtype.itemsize > MAX_BYTES or max(shape[:3]) * shape[3] > MAX_PICTURES:
        raise too_large(file, f"{_times(shape)} voxels of {dtype.itemsize} bytes from byte {offset}")
    count = prod(shape) * dtype.itemsize
    with reading(file, "NIfTI file", "nibabel"):
        content = _read(file.with_suffix(".img") if file.suffix.lower() == ".hdr" else file, offset, count)
        if len(content) < count:
            raise UserError(f"{file}: has {len(content)} of {count} bytes of voxels; it is cut off: copy it again")
        voxels = np.frombuffer(content, dtype).reshape(shape, order="F")
        return np.asarray(apply_orientation(voxels, axes))


def _scale(file: Path, header: "Nifti1Header") -> tuple[float, float]:
    """Slope and intercept; a slope of 0 or NaN means that there is none."""
    with reading(file, "NIfTI file", "nibabel"):
        slope, intercept = header.get_slope_inter()
    return (1.0, 0.0) if slope is None else (slope, intercept)


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


@FORMATS.register("nifti")
class Nifti(PictureFormat):
    """NIfTI-1 and NIfTI-2."""

    shown = "NIfTI"
    suffixes = SUFFIXES

    def read(self, file: Path, plane: Plane) -> list[Picture]:
        """Read a file as `read_nifti` describes."""
        return read_nifti(file, plane)
