from dataclasses import replace
from pathlib import Path

import numpy as np

from ganetic.data import ImageSet, partition
from ganetic.training.modes import modes_of


def test_classes_are_counted_where_there_are_some(tiny_images: ImageSet, cache: Path) -> None:
    parts = partition(tiny_images, 64)
    assert modes_of(tiny_images, parts, "cpu").note.startswith("modes: 3 classes; collapse from ")
    bare = replace(tiny_images, labels=None, class_names=())
    assert modes_of(bare, parts, "cpu").note.startswith("modes: 10 clusters; collapse from ")


def test_labels_that_mean_nothing_are_no_modes(tiny_images: ImageSet, cache: Path) -> None:
    assert tiny_images.labels is not None
    shuffled = np.random.default_rng(0).permutation(tiny_images.labels)
    random = replace(tiny_images, labels=shuffled)
    note = modes_of(random, partition(random, 64), "cpu").note
    assert note.startswith("the labels cannot be learnt (a small net gets ")
    assert "modes: 10 clusters" in note
