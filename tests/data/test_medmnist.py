import hashlib
import io
from pathlib import Path

import medmnist
import numpy as np
import pytest

from ganetic.data import load_images
from ganetic.errors import UserError


def write(root: Path, file: str, labels_a_row: int, channels: int = 1) -> bytes:
    """A file in MedMNIST's form."""
    arrays = {}
    for number, part in enumerate(("train", "val", "test")):
        shape = (20, 28, 28) if channels == 1 else (20, 28, 28, channels)
        arrays[f"{part}_images"] = np.full(shape, number, np.uint8)
        arrays[f"{part}_labels"] = np.arange(20 * labels_a_row).reshape(20, labels_a_row).astype(np.uint8) % 2
    packed = io.BytesIO()
    np.savez(packed, **arrays)  # type: ignore[arg-type]
    root.mkdir(parents=True, exist_ok=True)
    (root / file).write_bytes(packed.getvalue())
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "file", "key", "labels", "channels"),
    [
        ("medmnist:pneumoniamnist", "pneumoniamnist.npz", "MD5", 1, 1),
        ("medmnist:pneumoniamnist@28", "pneumoniamnist.npz", "MD5", 1, 1),
        ("medmnist:bloodmnist@64", "bloodmnist_64.npz", "MD5_64", 1, 3),
        ("medmnist:chestmnist@128", "chestmnist_128.npz", "MD5_128", 14, 1),
    ],
)
def test_published_files_are_read(
    name: str, file: str, key: str, labels: int, channels: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = write(tmp_path, file, labels, channels)
    info = medmnist.INFO[file.partition(".")[0].partition("_")[0]]
    monkeypatch.setitem(info, key, hashlib.md5(content, usedforsecurity=False).hexdigest())
    images = load_images(name, root=tmp_path)
    assert images.images.shape == (60, 28, 28, channels)
    assert images.split is not None
    assert images.split.tolist() == [0] * 20 + [1] * 20 + [2] * 20
    if labels == 1:
        assert images.labels is not None
        assert images.labels.tolist() == [0, 1] * 30
        assert images.class_names[:1] == (info["label"]["0"],)
    else:
        assert images.labels is None


def test_another_file_of_that_name_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "pneumoniamnist.npz", 1)
    with pytest.raises(UserError, match=r"pneumoniamnist\.npz: not the published file \(md5 \w+, expected 28209eda"):
        load_images("medmnist:pneumoniamnist", root=tmp_path)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("medmnist:pneumoniamist", 'did you mean "pneumoniamnist"'),
        ("medmnist:organmnist3d", 'unknown set of MedMNIST "organmnist3d"'),
        ("medmnist:pathmnist@32", 'unknown size of MedMNIST "32"; expected one of 128, 224, 28, 64'),
        ("medmnist:pathmnist@64", r"pathmnist_64\.npz: no such file; use --download"),
        ("medmnist:", "names no place; expected medmnist:NAME@SIZE"),
    ],
)
def test_what_is_not_there_is_said(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        load_images(name, root=tmp_path)
