import gzip
import io
import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ganetic.data import Annotations, Partition, cache_directory, load_images, partition
from ganetic.errors import UserError

RANDOM = np.random.default_rng(0)


def pixels(count: int, *shape: int) -> NDArray[np.uint8]:
    return RANDOM.integers(0, 256, (count, *shape), dtype=np.uint8)


def save(path: Path, **arrays: NDArray[np.generic]) -> str:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return f"npz:{path}"


def image_set(count: int, split: NDArray[np.int64] | None = None) -> Annotations:
    return Annotations(name="x", count=count, split=split)


def assert_roles_apart(parts: Partition, count: int) -> None:
    for role in (parts.gan, parts.features, parts.reference, parts.floor):
        assert len(np.unique(role)) == len(role)
        assert role.min() >= 0
        assert role.max() < count
    assert not np.intersect1d(parts.reference, parts.gan).size
    assert not np.intersect1d(parts.reference, parts.features).size
    assert not np.intersect1d(parts.reference, parts.floor).size
    assert len(parts.floor) == len(parts.reference)


def test_mnist5k_is_the_file_in_the_wheel() -> None:
    digits = load_images("mnist5k")
    assert digits.images.shape == (5000, 28, 28, 1)
    assert digits.images.dtype == np.uint8
    assert digits.labels is not None
    assert np.bincount(digits.labels).tolist() == [500] * 10
    assert digits.class_names == tuple("0123456789")
    assert digits.fingerprint == "b4d22f19591f8fa644de96e6743621b5fda57d847588b9d9a269772face149ab"
    # A zero has a hole, a one has none.
    means = [digits.images[digits.labels == k].mean(0)[12:16, 12:16].mean() for k in (0, 1)]
    assert means[0] < 30
    assert means[1] > 150


def test_digits_are_enlarged_without_interpolation() -> None:
    digits = load_images("digits")
    assert digits.images.shape == (1797, 32, 32, 1)
    assert digits.images.max() == 255
    assert np.array_equal(digits.images, digits.images[:, ::4, ::4].repeat(4, 1).repeat(4, 2))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mnst5k", 'did you mean "mnist5k"'),
        ("", "unknown data set"),
        ("npz:", "expected npz:FILE"),
        ("zip:x", "unknown data set"),
        ("npz:/no/such.npz", "no such file"),
        ("folder:/no/such", "no such folder"),
    ],
)
def test_unknown_names(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_images(name)


def test_npz_grey_and_colour(tmp_path: Path) -> None:
    grey = load_images(save(tmp_path / "a b.npz", images=pixels(200, 28, 28), labels=np.arange(200) % 2 * 5))
    assert grey.name == "a-b"
    assert grey.images.shape == (200, 28, 28, 1)
    assert grey.labels is not None
    assert set(grey.labels) == {0, 1}
    assert grey.class_names == ("0", "5")
    colour = load_images(save(tmp_path / "c.npz", images=pixels(130, 32, 32, 3)))
    assert colour.images.shape == (130, 32, 32, 3)
    assert colour.labels is None


def test_one_class_labels_nothing(tmp_path: Path) -> None:
    images = load_images(save(tmp_path / "x.npz", images=pixels(130, 8, 8), labels=np.zeros(130, np.int64)))
    assert images.labels is None
    assert images.class_names == ()


def test_the_fingerprint_is_of_the_content(tmp_path: Path) -> None:
    images, labels = pixels(130, 8, 8), np.arange(130) % 3
    first = load_images(save(tmp_path / "a.npz", images=images, labels=labels))
    again = load_images(save(tmp_path / "b.npz", images=images.copy(), labels=labels.astype(np.uint8)))
    relabelled = load_images(save(tmp_path / "c.npz", images=images, labels=labels[::-1].copy()))
    split = load_images(save(tmp_path / "d.npz", images=images, labels=labels, split=labels))
    images[0, 0, 0] ^= 1
    touched = load_images(save(tmp_path / "e.npz", images=images, labels=labels))
    assert first.fingerprint == again.fingerprint
    assert len({x.fingerprint for x in (first, relabelled, split, touched)}) == 4


GOOD = pixels(130, 8, 8)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"labels": np.zeros(3)}, "no array images; found labels"),
        ({"images": np.zeros((0, 28, 28), np.uint8)}, "0 images are too few"),
        ({"images": pixels(5, 28, 28)}, "5 images are too few"),
        ({"images": GOOD.astype(np.float32)}, "images are float32; expected uint8"),
        ({"images": pixels(130, 8, 9)}, "shape"),
        ({"images": pixels(130, 8, 8, 2)}, "shape"),
        ({"images": pixels(130)}, "shape"),
        ({"images": np.zeros((130, 0, 0), np.uint8)}, "0 pixels a side"),
        ({"images": GOOD, "labels": np.zeros(7, np.int64)}, r"labels have the shape \(7,\); expected \(130,\)"),
        ({"images": GOOD, "labels": np.full(130, np.nan)}, "labels are float64; expected integers"),
        ({"images": GOOD, "split": np.full(130, "a")}, "split are <U1; expected integers"),
        ({"images": GOOD, "labels": np.arange(130), "class_names": np.array(["a", "b"])}, "labels run from 0 to 129"),
        ({"images": np.array([{}] * 130, dtype=object)}, "not a readable npz"),
    ],
)
def test_bad_npz(arrays: dict[str, NDArray[np.generic]], message: str, tmp_path: Path) -> None:
    name = save(tmp_path / "bad.npz", **arrays)
    with pytest.raises(UserError, match=message) as caught:
        load_images(name)
    assert "bad.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cut", [0, 3, 100, 3000, -30])
def test_truncated_npz(cut: int, tmp_path: Path) -> None:
    whole = io.BytesIO()
    np.savez_compressed(whole, images=GOOD)
    file = tmp_path / "cut.npz"
    file.write_bytes(whole.getvalue()[:cut])
    with pytest.raises(UserError, match=r"cut\.npz: not a readable npz"):
        load_images(f"npz:{file}")


def test_flipped_bytes_and_foreign_files(tmp_path: Path) -> None:
    file = tmp_path / "odd.npz"
    save(file, images=GOOD)
    content = bytearray(file.read_bytes())
    content[2000:2010] = b"0123456789"
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"odd\.npz"):
        load_images(f"npz:{file}")
    file.write_bytes(b"\x80\x04hello")
    with pytest.raises(UserError, match=r"odd\.npz"):
        load_images(f"npz:{file}")
    np.save(tmp_path / "one.npy", GOOD)
    with pytest.raises(UserError, match="not an npz archive"):
        load_images(f"npz:{tmp_path / 'one.npy'}")
    with pytest.raises(UserError, match="not a readable npz"):
        load_images(f"npz:{tmp_path}")


def test_a_given_split_is_used() -> None:
    split = np.array([0] * 5000 + [1] * 3000 + [2] * 2000)
    parts = partition(image_set(10_000, split), 2000)
    assert_roles_apart(parts, 10_000)
    assert np.array_equal(parts.gan, np.arange(5000))
    assert len(parts.reference) == 2000
    assert len(parts.features) == 3000
    assert not np.intersect1d(parts.features, parts.gan).size
    assert parts.shared == ""


def test_a_split_that_holds_out_few() -> None:
    parts = partition(image_set(5856, np.repeat([0, 1, 2], [4708, 524, 624])), 2000)
    assert_roles_apart(parts, 5856)
    assert len(parts.reference) == 1148
    assert np.array_equal(parts.features, parts.gan)
    assert "4708 images" in parts.shared
    with pytest.raises(UserError, match="130 images for training and 0 held out"):
        partition(image_set(130, np.zeros(130, np.int64)), 2000)


@pytest.mark.parametrize(
    ("count", "reference", "features", "gan"),
    [
        (130, 65, 65, 65),
        (1000, 500, 500, 500),
        (5000, 2000, 3000, 3000),
        (9000, 2000, 3500, 3500),
        (70_000, 2000, 10_000, 58_000),
    ],
)
def test_sizes_without_a_split(count: int, reference: int, features: int, gan: int) -> None:
    parts = partition(image_set(count), 2000)
    assert_roles_apart(parts, count)
    assert (len(parts.reference), len(parts.features), len(parts.gan)) == (reference, features, gan)
    apart = not np.intersect1d(parts.features, parts.gan).size
    assert apart == (parts.shared == "") == (count >= 8000)
    again = partition(image_set(count), 2000)
    assert np.array_equal(parts.reference, again.reference)


def write_pictures(folder: Path, count: int, shape: tuple[int, ...] = (8, 8)) -> None:
    folder.mkdir(parents=True)
    for number, picture in enumerate(pixels(count, *shape)):
        Image.fromarray(picture).save(folder / f"{number}.png")


def test_folder_of_classes(tmp_path: Path) -> None:
    write_pictures(tmp_path / "set" / "cats", 70)
    write_pictures(tmp_path / "set" / "ants", 60, (8, 8, 3))
    (tmp_path / "set" / "ants" / "notes.txt").write_text("not a picture")
    images = load_images(f"folder:{tmp_path / 'set'}")
    assert images.name == "set"
    assert images.images.shape == (130, 8, 8, 3)  # one colour picture makes all of them colour
    assert images.labels is not None
    assert np.bincount(images.labels).tolist() == [60, 70]
    assert images.class_names == ("ants", "cats")


def test_flat_folder_has_no_labels(tmp_path: Path) -> None:
    write_pictures(tmp_path / "flat", 130)
    images = load_images(f"folder:{tmp_path / 'flat'}")
    assert images.images.shape == (130, 8, 8, 1)
    assert images.labels is None


def test_pictures_that_are_refused(tmp_path: Path) -> None:
    root = tmp_path / "set"
    write_pictures(root / "a", 3)
    odd = root / "a" / "odd.png"
    for picture, message in [
        (Image.fromarray(pixels(1, 8, 9)[0]), "9×8 pixels; expected a square"),
        (Image.fromarray(pixels(1, 9, 9)[0]), "9×9 pixels, but 0.png has 8×8"),
        (Image.new("L", (2000, 2000)), "at most 1024"),
    ]:
        picture.save(odd)
        with pytest.raises(UserError, match=message) as caught:
            load_images(f"folder:{root}")
        assert "odd.png" in str(caught.value)
    for content in (b"", b"not a picture", (root / "a" / "0.png").read_bytes()[:60]):
        odd.write_bytes(content)
        with pytest.raises(UserError, match=r"odd\.png: not a readable picture"):
            load_images(f"folder:{root}")
    odd.unlink()
    with pytest.raises(UserError, match="3 images are too few"):
        load_images(f"folder:{root}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no images"):
        load_images(f"folder:{tmp_path / 'empty'}")


def write_mnist(root: Path, folder: str, counts: dict[str, int]) -> None:
    raw = root / folder / "raw"
    raw.mkdir(parents=True)
    for part, count in counts.items():
        with gzip.open(raw / f"{part}-images-idx3-ubyte.gz", "wb") as file:
            file.write(struct.pack(">4i", 0x803, count, 28, 28) + pixels(count, 28, 28).tobytes())
        with gzip.open(raw / f"{part}-labels-idx1-ubyte.gz", "wb") as file:
            file.write(struct.pack(">2i", 0x801, count) + (np.arange(count) % 10).astype(np.uint8).tobytes())
        for kind in ("images-idx3", "labels-idx1"):
            packed = raw / f"{part}-{kind}-ubyte.gz"
            packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))


@pytest.mark.parametrize(("name", "folder"), [("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST")])
def test_torchvision_files(name: str, folder: str, tmp_path: Path) -> None:
    write_mnist(tmp_path, folder, {"train": 150, "t10k": 80})
    images = load_images(name, root=tmp_path)
    assert images.images.shape == (230, 28, 28, 1)
    assert images.split is not None
    assert np.bincount(images.split).tolist() == [150, 80]
    assert len(images.class_names) == 10


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar10"])
def test_torchvision_without_files(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANETIC_CACHE", str(tmp_path / "cache"))
    with pytest.raises(UserError, match="use --download") as caught:
        load_images(name)
    assert str(cache_directory() / "data") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "cache").exists()


def test_torchvision_files_cut_off(tmp_path: Path) -> None:
    write_mnist(tmp_path, "MNIST", {"train": 150, "t10k": 80})
    file = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(UserError, match='data set "mnist" cannot be read'):
        load_images("mnist", root=tmp_path)


def test_a_foreign_cifar_is_not_unpickled(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"):
        (folder / name).write_bytes(b"cos\nsystem\n(S'touch " + str(tmp_path / "harm").encode() + b"'\ntR.")
    with pytest.raises(UserError, match='data set "cifar10" cannot be read'):
        load_images("cifar10", root=tmp_path)
    assert not (tmp_path / "harm").exists()
