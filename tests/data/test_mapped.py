import pickle
from pathlib import Path

import numpy as np
import pytest

from ganetic.data import load_images
from ganetic.data.mapped import MappedImages, map_images, some_of
from ganetic.errors import UserError


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    stream = np.random.default_rng(0)
    images = stream.integers(0, 256, (300, 16, 16, 3), np.uint8)
    np.savez(tmp_path / "set.npz", images=images, labels=np.arange(300) % 3)
    return tmp_path / "set.npz"


def test_a_mapped_set_is_the_set_itself(archive: Path) -> None:
    whole, mapped = load_images(f"npz:{archive}"), load_images(f"mapped:{archive}")
    assert mapped.fingerprint == whole.fingerprint
    assert np.array_equal(mapped.images, whole.images)
    assert mapped.labels is not None and whole.labels is not None
    assert np.array_equal(mapped.labels, whole.labels)
    assert mapped.source == f"mapped:{archive}"


def test_what_travels_is_a_place_and_reads_what_it_is_asked_for(archive: Path) -> None:
    whole, rows = load_images(f"npz:{archive}"), np.arange(1, 300, 2)
    some = some_of(load_images(f"mapped:{archive}"), rows)
    assert isinstance(some, MappedImages)
    assert some[np.array([0])].shape == (1, 16, 16, 3)
    sent = pickle.dumps(some)
    assert len(sent) < rows.nbytes + 1000
    arrived = pickle.loads(sent)
    assert arrived.shape == (150, 16, 16, 3) and arrived.nbytes == 150 * 16 * 16 * 3 and len(arrived) == 150
    chosen = np.array([7, 3, 149])
    assert np.array_equal(arrived[chosen], whole.images[rows[chosen]])


def test_images_in_memory_are_picked_as_ever(archive: Path) -> None:
    whole = load_images(f"npz:{archive}")
    some = some_of(whole, np.array([5, 1]))
    assert isinstance(some, np.ndarray) and np.array_equal(some, whole.images[[5, 1]])


def test_grey_images_without_a_channel_axis_are_mapped_too(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (64, 8, 8), np.uint8)
    np.savez(tmp_path / "grey.npz", images=images)
    some = some_of(load_images(f"mapped:{tmp_path / 'grey.npz'}"), np.array([9, 2]))
    assert isinstance(some, MappedImages)
    assert np.array_equal(some[np.array([1, 0])], images[[2, 9], :, :, np.newaxis])


def test_a_node_without_the_file_or_with_another_one_is_told_so(archive: Path) -> None:
    sent = pickle.dumps(some_of(load_images(f"mapped:{archive}"), np.arange(10)))
    np.savez(archive, images=np.zeros((300, 16, 16, 3), np.uint8), labels=np.arange(300) % 3)
    with pytest.raises(UserError, match="holds other images here"):
        pickle.loads(sent)[np.array([0])]
    archive.unlink()
    with pytest.raises(UserError, match="same path on every node"):
        pickle.loads(sent)[np.array([0])]


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path, images: np.savez_compressed(path, images=images), "compressed; write them with numpy.savez"),
        (lambda path, images: np.savez(path, images=images.astype(np.float32)), "float32"),
        (lambda path, images: np.savez(path, images=np.asfortranarray(images)), "Fortran order"),
    ],
)
def test_what_cannot_be_mapped_is_refused(write: object, message: str, tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    assert callable(write)
    write(path, np.random.default_rng(0).integers(0, 256, (64, 8, 8, 3), np.uint8))
    with pytest.raises(UserError, match=message):
        map_images(path)
    with pytest.raises(UserError, match=message):
        load_images(f"mapped:{path}")


def test_mapped_images_keep_their_size(archive: Path) -> None:
    with pytest.raises(UserError, match="cannot be resized"):
        load_images(f"mapped:{archive}?size=8")
