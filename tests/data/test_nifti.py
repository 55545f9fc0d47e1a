import gzip
import resource
import sys
import time
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from nibabel.affines import voxel_sizes
from numpy.typing import NDArray

from ganetic.data.formats.nifti import read_nifti
from ganetic.data.reading import MAX_BYTES, NoPictureError
from ganetic.errors import UserError

WHEEL = Path(nibabel.__file__).parent / "tests" / "data"
# Names of the files in nibabel's wheel, and how many slices they have along each plane, sagittal, coronal, axial.
READ = {
    "anatomical.nii": (33, 41, 25),
    "example4d.nii.gz": (256, 192, 48),
    "example_nifti2.nii.gz": (64, 40, 24),
    "functional.nii": (340, 420, 60),
    "reoriented_anat_moved.nii": (21, 26, 22),
    "standard.nii.gz": (4, 5, 7),
}
REFUSED = {
    "analyze.hdr": "magic string",
    "nifti1.hdr": r"nifti1\.img: no such file",
    "nifti2.hdr": r"nifti2\.img: no such file",
    "resampled_anat_moved.nii": "3 of 3 slices hold values that are not finite",
    "row_major.dconn.nii": r"holds no picture \(1×1×1×1×10×10 numbers\)",
}
PLANES = ("sagittal", "coronal", "axial")
RANDOM = np.random.default_rng(0)
Array = NDArray[Any]


def reference(file: Path, plane: str) -> list[Array]:
    """The slices by nibabel's own scaling and turning, and by walking through the body."""
    image = nibabel.as_closest_canonical(nibabel.load(file))
    values = image.get_fdata()
    right, front, top = (np.arange(side)[::-1] for side in values.shape[:3])  # first what is to be seen first
    moments = values.reshape(*values.shape[:3], -1)
    slices = []
    for moment in range(moments.shape[3]):
        for index in range(values.shape[PLANES.index(plane)]):
            seen = {
                "sagittal": lambda m, i: m[i][np.ix_(front, top)],
                "coronal": lambda m, i: m[:, i][np.ix_(right, top)],
                "axial": lambda m, i: m[:, :, i][np.ix_(right, front)],
            }[plane](moments[..., moment], index)
            slices.append(seen.T)
    return slices


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("name", READ)
def test_files_in_nibabels_wheel(name: str, plane: str) -> None:
    file = WHEEL / name
    pictures = read_nifti(file, plane)
    assert len(pictures) == READ[name][PLANES.index(plane)]
    for picture, expected in zip(pictures, reference(file, plane), strict=True):
        assert picture.pixels.dtype in (np.int16, np.uint16, np.float32)
        assert picture.pixels.dtype.isnative
        assert np.allclose(picture.pixels.astype(np.float64), expected, rtol=1e-6, atol=0)
        assert picture.group == str(file)
        assert not picture.inverted


@pytest.mark.parametrize("name", REFUSED)
def test_files_in_nibabels_wheel_that_are_refused(name: str) -> None:
    with pytest.raises(UserError, match=REFUSED[name]) as caught:
        read_nifti(WHEEL / name)
    assert str(WHEEL) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, NoPictureError) == name.startswith("row_major")


def test_all_files_in_the_wheel_are_listed() -> None:
    found = {file.name for file in WHEEL.iterdir() if file.name.endswith((".nii", ".nii.gz", ".hdr"))}
    assert found == {*READ, *REFUSED}


def save(voxels: Array, file: Path, affine: Array | None = None, **header: Any) -> Path:
    image = nibabel.Nifti1Image(voxels, np.eye(4) if affine is None else affine, dtype=voxels.dtype)
    for name, value in header.items():
        image.header[name] = value
    image.to_filename(file)
    return file


def test_a_radiologist_sees_what_he_expects(tmp_path: Path) -> None:
    right, front, top = (1000, 200, 30)  # what voxels at those ends have more than others
    body = np.zeros((3, 4, 5), np.int16)
    body[-1] += right
    body[:, -1] += front
    body[..., -1] += top
    # stored as RAS, as LAS, and with the axes in another order and another sense
    las, turned = np.diag([-1.0, 1, 1, 1]), np.array([[0, 0, -2, 0], [0, -1, 0, 0], [3, 0, 0, 0], [0, 0, 0, 1.0]])
    assert voxel_sizes(turned).tolist() == [3, 1, 2]
    for number, (voxels, affine) in enumerate(
        [(body, np.eye(4)), (body[::-1], las), (body[::-1, ::-1].transpose(2, 1, 0), turned)]
    ):
        file = save(voxels, tmp_path / f"{number}.nii", affine)
        axial = [picture.pixels for picture in read_nifti(file)]
        assert [pixels.shape for pixels in axial] == [(4, 3)] * 5
        assert axial[0].tolist() == [[1200, 200, 200], [1000, 0, 0], [1000, 0, 0], [1000, 0, 0]]
        assert axial[4].tolist() == (axial[0] + top).tolist()
        coronal = [picture.pixels for picture in read_nifti(file, "coronal")]
        assert [pixels.shape for pixels in coronal] == [(5, 3)] * 4
        assert coronal[0].tolist() == [[1030, 30, 30], *[[1000, 0, 0]] * 4]
        assert coronal[3].tolist() == (coronal[0] + front).tolist()
        sagittal = [picture.pixels for picture in read_nifti(file, "sagittal")]
        assert [pixels.shape for pixels in sagittal] == [(5, 4)] * 3
        assert sagittal[0].tolist() == [[230, 30, 30, 30], *[[200, 0, 0, 0]] * 4]
        assert sagittal[2].tolist() == (sagittal[0] + right).tolist()


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "i8", "f4", "f8"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_types_of_voxels(dtype: str, order: str, tmp_path: Path) -> None:
    voxels = RANDOM.integers(0, 100, (4, 4, 2)).astype(order + dtype)
    header = nibabel.Nifti1Header(endianness=order)
    image = nibabel.Nifti1Image(voxels, np.diag([-1.0, -1, 1, 1]), header, dtype=voxels.dtype)
    image.to_filename(tmp_path / "x.nii")
    first, _ = read_nifti(tmp_path / "x.nii")
    assert first.pixels.dtype == (np.uint16 if dtype == "u1" else np.dtype(dtype))
    assert np.array_equal(first.pixels, voxels[:, :, 0].T)
    assert first.pixels.flags.writeable


def patch(file: Path, **fields: Any) -> None:
    """Write fields of a header as they are, without nibabel's own care."""
    content = bytearray(file.read_bytes())
    header = nibabel.Nifti1Header(bytes(content[:348]), check=False)
    for name, value in fields.items():
        header[name] = value
    content[:348] = header.binaryblock
    file.write_bytes(content)


def test_scaling(tmp_path: Path) -> None:
    voxels = RANDOM.integers(0, 2**31 - 1, (4, 4, 2)).astype(np.int32)
    file = save(voxels, tmp_path / "x.nii", np.diag([-1.0, -1, 1, 1]))
    for slope, intercept, expected in [
        (0.5, -1024.0, (voxels * 0.5 - 1024).astype(np.float32)),
        (0.0, 7.0, voxels),  # a slope of 0 says that there is none
        (np.nan, 7.0, voxels),
        (1.0, 0.0, voxels),
    ]:
        patch(file, scl_slope=slope, scl_inter=intercept)
        pixels = read_nifti(file)[0].pixels
        assert pixels.dtype == expected.dtype
        assert np.array_equal(pixels, expected[..., 0].T)
    patch(file, scl_slope=1.0, scl_inter=np.inf)
    with pytest.raises(UserError, match="invalid intercept"):
        read_nifti(file)


@pytest.mark.parametrize(
    ("low", "high", "window"),
    [(-160, 240, (-160, 240)), (0, 0, None), (5, 4, None), (0, np.inf, None), (np.nan, 4, None)],
)
def test_the_window(low: float, high: float, window: tuple[float, float] | None, tmp_path: Path) -> None:
    file = save(np.zeros((3, 3, 2), np.int16), tmp_path / "x.nii", cal_min=low, cal_max=high)
    assert [picture.window for picture in read_nifti(file)] == [window] * 2  # empty slices are kept


@pytest.mark.parametrize("channels", ["RGB", "RGBA"])
def test_colour(channels: str, tmp_path: Path) -> None:
    colours = RANDOM.integers(0, 256, (4, 5, 2, len(channels)), dtype=np.uint8)
    voxels = colours.view([(channel, "u1") for channel in channels])[..., 0]
    first, second = read_nifti(save(voxels, tmp_path / "x.nii", np.diag([-1.0, -1, 1, 1])))
    assert first.pixels.dtype == np.uint8
    assert np.array_equal(first.pixels, colours[:, :, 0, :3].swapaxes(0, 1))
    assert np.array_equal(second.pixels, colours[:, :, 1, :3].swapaxes(0, 1))
    assert first.window is None


def test_time_points_follow_each_other(tmp_path: Path) -> None:
    voxels = np.arange(6, dtype=np.int16).reshape(1, 1, 2, 3) + np.zeros((4, 4, 2, 3), np.int16)
    pictures = read_nifti(save(voxels, tmp_path / "x.nii"))
    assert [int(picture.pixels[0, 0]) for picture in pictures] == [0, 3, 1, 4, 2, 5]


def test_one_slice(tmp_path: Path) -> None:
    pixels = RANDOM.integers(0, 9, (5, 6)).astype(np.int16)
    (picture,) = read_nifti(save(pixels, tmp_path / "x.nii"))
    assert np.array_equal(picture.pixels, pixels[::-1, ::-1].T)


def test_a_pair_a_gzipped_file_of_another_name_and_nifti2(tmp_path: Path) -> None:
    voxels = RANDOM.integers(0, 9, (5, 6, 2)).astype(np.int16)
    nibabel.Nifti1Pair(voxels, np.eye(4)).to_filename(tmp_path / "pair.hdr")
    (tmp_path / "zipped.nii").write_bytes(gzip.compress(save(voxels, tmp_path / "x.nii").read_bytes()))
    nibabel.Nifti2Image(voxels, np.eye(4)).to_filename(tmp_path / "two.nii.gz")
    patch(save(voxels, tmp_path / "nowhere.nii"), vox_offset=0)  # means the first byte after the header
    expected = read_nifti(tmp_path / "x.nii")[1].pixels
    for name in ("pair.hdr", "zipped.nii", "two.nii.gz", "nowhere.nii"):
        assert np.array_equal(read_nifti(tmp_path / name)[1].pixels, expected)


@pytest.mark.parametrize(
    ("voxels", "message"),
    [
        (np.zeros((4, 4, 2), np.complex64), "holds complex64 numbers; expected real ones"),
        (np.full((4, 4, 2), np.nan, np.float32), "2 of 2 slices hold values that are not finite, such as NaN; replace"),
        (np.full((4, 4, 2), np.inf), "not finite"),
        (np.zeros((4, 4, 2, 1, 3), np.float32), "holds no picture"),
        (np.zeros((9,), np.float32), "holds no picture"),
        (np.zeros((9, 1, 1), np.float32), "holds no picture"),
    ],
    ids=str,
)
def test_volumes_that_are_refused(voxels: Array, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_nifti(save(voxels, tmp_path / "x.nii"))
    assert isinstance(caught.value, NoPictureError) == ("no picture" in message)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"dim": [3, 32767, 32767, 32767, 1, 1, 1, 1]}, "too large"),
        ({"dim": [3, 2, 2, 32767, 32767, 1, 1, 1]}, "has 64 of 262136 bytes of voxels; it is cut off"),
        ({"dim": [4, 1, 2, 32767, 32767, 1, 1, 1]}, "too large"),
        ({"dim": [4, 1, 2, 10, 32767, 1, 1, 1]}, "too large"),  # few bytes, many pictures
        ({"dim": [3, 0, 4, 2, 1, 1, 1, 1]}, "0×4×2"),
        ({"dim": [3, -5, 4, 2, 1, 1, 1, 1]}, "a volume of -5×4×2 voxels"),
        ({"dim": [3, 40, 40, 2, 1, 1, 1, 1]}, "has 64 of 6400 bytes of voxels; it is cut off"),
        ({"dim": [0, 4, 4, 2, 1, 1, 1, 1]}, "a volume of 0 voxels"),
        ({"vox_offset": 1e30}, "too large"),
        ({"vox_offset": np.nan}, "not a readable"),
        ({"vox_offset": -400}, "vox offset -400 too low"),
        ({"datatype": 9999}, "not a readable"),
        ({"magic": b"no"}, "magic"),
        ({"srow_x": [np.nan] * 4, "sform_code": 1}, "not a readable"),
        ({"srow_x": [0] * 4, "srow_y": [0] * 4, "sform_code": 1}, "not a readable"),
    ],
    ids=str,
)
def test_headers_that_are_refused(fields: dict[str, Any], message: str, tmp_path: Path) -> None:
    file = save(np.zeros((4, 4, 2), np.int16), tmp_path / "x.nii")
    patch(file, **fields)
    with pytest.raises(UserError, match=message) as caught:
        read_nifti(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert "\n" not in str(caught.value)


def peak() -> int:
    """The most memory that this process ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_a_gzip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    plain, bomb = tmp_path / "x.nii", tmp_path / "bomb.nii.gz"
    zeros = gzip.compress(bytes(2**26), 9)  # gzipped files may follow each other in one
    save(np.arange(32, dtype=np.int16).reshape(4, 4, 2), plain)
    before = peak()
    bomb.write_bytes(gzip.compress(plain.read_bytes()) + zeros)
    assert len(read_nifti(bomb)) == 2  # the zeros after the voxels are not looked at
    patch(plain, dim=[3, 20000, 30000, 2, 1, 1, 1, 1])
    bomb.write_bytes(gzip.compress(plain.read_bytes()) + zeros)
    with pytest.raises(UserError, match="too large"):
        read_nifti(bomb)
    assert peak() - before < 2**25


@pytest.mark.parametrize("cut", [0, 3, 100, 347, 351, 400, -1])
@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz"])
def test_files_that_are_cut_off(cut: int, name: str, tmp_path: Path) -> None:
    file = save(RANDOM.integers(0, 900, (9, 9, 9)).astype(np.int16), tmp_path / name)
    file.write_bytes(file.read_bytes()[:cut])
    if name == "x.nii.gz" and cut == -1:
        assert len(read_nifti(file)) == 9  # only the check sum at the end is cut
        return
    with pytest.raises(UserError, match=r"x\.nii.*: (not a readable NIfTI file|has \d+ of \d+ bytes)"):
        read_nifti(file)


def test_unknown_planes_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match='unknown plane "axail"; expected one of axial, coronal, sagittal; did you mean'
    ):
        read_nifti(WHEEL / "anatomical.nii", "axail")
    for path in (tmp_path, tmp_path / "missing.nii"):
        with pytest.raises(UserError, match="no such file"):
            read_nifti(path)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nibabel", None)
    with pytest.raises(UserError, match=r"pip install 'ganetic\[nifti\]'"):
        read_nifti(WHEEL / "anatomical.nii")


def mutate(content: bytes, random: np.random.Generator) -> bytes:
    """Flip, cut, insert and overwrite bytes, mostly in the header."""
    damaged = bytearray(content)
    for _ in range(random.integers(1, 5)):
        at = int(random.integers(0, min(len(damaged), 360) if random.random() < 0.7 else len(damaged)))
        kind = random.integers(0, 6)
        if kind <= 1:
            damaged[at] ^= 1 << int(random.integers(0, 8))
        elif kind == 2:
            damaged[at : at + 4] = bytes(random.choice([0, 127, 128, 255], 4).tolist())
        elif kind == 3:
            damaged[at : at + 2] = random.bytes(2)
        elif kind == 4 and random.random() < 0.3:
            damaged[at:at] = random.bytes(3)
        elif random.random() < 0.3:
            del damaged[at + 10 :]
    return bytes(damaged)


def test_damaged_files_are_read_or_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(3)
    before, read, refused = peak(), 0, 0
    for number in range(60):
        source = WHEEL / sorted([*READ, *REFUSED])[random.integers(len(READ) + len(REFUSED))]
        content = source.read_bytes()
        zipped = content[:2] == b"\x1f\x8b"
        if zipped and number % 2:
            content = gzip.compress(mutate(gzip.decompress(content), random), 1)
        else:
            content = mutate(content, random)
        file = tmp_path / f"{number}{source.suffix}"
        file.write_bytes(content)
        start = time.monotonic()
        try:
            assert read_nifti(file, PLANES[number % 3])
            read += 1
        except UserError as error:
            assert str(error).startswith(str(tmp_path))
            assert "\n" not in str(error)
            refused += 1
        assert time.monotonic() - start < 2
    assert peak() - before < MAX_BYTES
    assert min(read, refused) > 10
    assert capfd.readouterr() == ("", "")
