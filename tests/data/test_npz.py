"""Names inside .npz archives, and what lies beside them."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ganetic.data import hold_out, load_images
from ganetic.errors import UserError
from tests.data.pictures import noise

IMAGES = noise(40, 8, 8)


def save(path: Path, **arrays: NDArray[np.generic]) -> str:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return f"npz:{path}"


@pytest.mark.parametrize(
    ("key", "known"),
    [
        ("patients", "patient"),
        ("patient_id", "patient"),
        ("PatientID", "patient"),
        ("groups", "patient"),
        ("label", "labels"),
        ("lables", "labels"),
        ("y", "labels"),
        ("splits", "split"),
        ("class_name", "class_names"),
    ],
)
def test_a_key_that_means_a_known_one_is_refused(key: str, known: str, tmp_path: Path) -> None:
    name = save(tmp_path / "x.npz", images=IMAGES, **{key: np.arange(40)})
    with pytest.raises(UserError, match=f'has an array "{key}", which is not read; rename it "{known}"'):
        load_images(name)


def test_other_keys_are_told(tmp_path: Path) -> None:
    name = save(tmp_path / "x.npz", images=IMAGES, files=np.arange(40), split_names=np.array(["a"]))
    assert load_images(name).notes == ("x.npz: not read: files, split_names",)


def test_medmnists_own_keys(tmp_path: Path) -> None:
    parts = {"train": 20, "val": 6, "test": 14}
    arrays: dict[str, NDArray[np.generic]] = {}
    for seed, (part, size) in enumerate(parts.items()):
        arrays[f"{part}_images"] = noise(size, 28, 28, seed=seed)
        arrays[f"{part}_labels"] = (np.arange(size) % 3).astype(np.uint8)[:, None]
    images = load_images(save(tmp_path / "pneumoniamnist.npz", **arrays))
    assert images.images.shape == (40, 28, 28, 1)
    assert images.split is not None and images.labels is not None
    assert np.bincount(images.split).tolist() == [20, 6, 14]
    assert images.labels[20:26].tolist() == [0, 1, 2, 0, 1, 2]
    assert np.array_equal(images.images[26:, ..., 0], noise(14, 28, 28, seed=2))
    many = {**arrays, **{f"{part}_labels": np.zeros((size, 14), np.uint8) for part, size in parts.items()}}
    several = load_images(save(tmp_path / "chestmnist.npz", **many))
    assert several.labels is None
    assert "each image has 14 labels: the set counts as unlabelled" in several.notes


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"train_images": IMAGES, "test_images": IMAGES[..., None].repeat(3, 3)}, "parts of unlike shapes"),
        ({"train_images": IMAGES, "train_labels": np.array(3)}, "parts of unlike shapes"),
        ({"images": np.array(3, np.uint8)}, "images are a single number"),
    ],
)
def test_arrays_that_cannot_be_put_together(
    arrays: dict[str, NDArray[np.generic]], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message):
        load_images(save(tmp_path / "x.npz", **arrays))


@pytest.mark.parametrize("window", ["0,1", "set", "image"])
def test_values_that_are_not_finite_are_refused_whatever_the_window(window: str, tmp_path: Path) -> None:
    images = IMAGES.astype(np.float32)
    images[7, 3, 3] = np.nan
    with pytest.raises(UserError, match="values that are not finite"):
        load_images(f"{save(tmp_path / 'x.npz', images=images)}?window={window}")


def test_labels_in_a_column(tmp_path: Path) -> None:
    labels = np.arange(40) % 2
    flat = load_images(save(tmp_path / "flat.npz", images=IMAGES, labels=labels))
    column = load_images(save(tmp_path / "column.npz", images=IMAGES, labels=labels[:, None]))
    assert flat.fingerprint == column.fingerprint


def test_patients_are_found_beside_the_archive(tmp_path: Path) -> None:
    patients = np.arange(40) // 4
    name = save(tmp_path / "x.npz", images=IMAGES)
    assert load_images(name).groups is None
    np.save(tmp_path / "patient.npy", patients)
    images = load_images(name)
    assert images.groups is not None
    assert images.groups.tolist() == patients.tolist()
    assert images.notes == ("x.npz: patients are read from patient.npy",)
    training, held_out = hold_out(images)
    assert not set(patients[training]) & set(patients[held_out])
    np.save(tmp_path / "patient.npy", patients[:-1])
    with pytest.raises(UserError, match=r"patient\.npy: has the shape \(39,\), but x\.npz beside it has 40 images"):
        load_images(name)
    np.save(tmp_path / "patient.npy", np.array([{}] * 40, dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match=r"patient\.npy: not a readable array"):
        load_images(name)
    (tmp_path / "patient.npy").unlink()
    (tmp_path / "labels.csv").write_text("patient\n" + "".join(f"p{number}\n" for number in patients))
    assert load_images(name).fingerprint == images.fingerprint
    own = save(tmp_path / "own.npz", images=IMAGES, patient=patients[::-1].copy())
    assert load_images(own).groups is not None
    assert load_images(own).notes == ()


def test_a_split_that_crosses_patients_is_refused(tmp_path: Path) -> None:
    split, patient = np.arange(40) // 30, np.arange(40) // 4
    with pytest.raises(UserError, match="1 of 10 patients have images on both sides of the split"):
        load_images(save(tmp_path / "x.npz", images=IMAGES, split=split, patient=patient))
    fine = load_images(save(tmp_path / "y.npz", images=IMAGES, split=(np.arange(40) >= 28) * 2, patient=patient))
    assert fine.groups is not None


def test_class_names_are_kept_whole_and_must_differ(tmp_path: Path) -> None:
    long = ["a very long name of a class of pneumonia, left", "a very long name of a class of pneumonia, right"]
    labels = np.arange(40) % 2
    images = load_images(save(tmp_path / "x.npz", images=IMAGES, labels=labels, class_names=np.array(long)))
    assert images.class_names == tuple(long)
    right = load_images(f"npz:{tmp_path / 'x.npz'}", classes=[long[1]])
    assert np.array_equal(right.images[..., 0], IMAGES[1::2])
    with pytest.raises(UserError, match='two classes are named "a"'):
        load_images(save(tmp_path / "y.npz", images=IMAGES, labels=labels, class_names=np.array(["a", "a"])))
    with pytest.raises(UserError, match="cannot be printed"):
        load_images(save(tmp_path / "z.npz", images=IMAGES, labels=labels, class_names=np.array(["a", "b\n"])))


def test_class_names_in_bytes_are_decoded(tmp_path: Path) -> None:
    names = np.array([b"normal", "Lungenentzündung".encode()])
    images = load_images(save(tmp_path / "x.npz", images=IMAGES, labels=np.arange(40) % 2, class_names=names))
    assert images.class_names == ("normal", "Lungenentzündung")
    with pytest.raises(UserError, match="bytes that are not UTF-8"):
        load_images(
            save(tmp_path / "y.npz", images=IMAGES, labels=np.arange(40) % 2, class_names=np.array([b"\xff", b"b"]))
        )


def test_numbers_that_would_wrap_are_refused(tmp_path: Path) -> None:
    labels = np.arange(40, dtype=np.uint64)
    labels[3] = 2**63 + 5
    with pytest.raises(UserError, match="labels go up to 9223372036854775813"):
        load_images(save(tmp_path / "x.npz", images=IMAGES, labels=labels))


def test_grey_stored_as_rgb_becomes_grey(tmp_path: Path) -> None:
    images = load_images(save(tmp_path / "x.npz", images=IMAGES[..., None].repeat(3, axis=3)))
    assert np.array_equal(images.images[..., 0], IMAGES)
    assert images.images.shape == (40, 8, 8, 1)
    assert images.notes == ("x: the images are grey and stored as RGB; one channel is used",)
