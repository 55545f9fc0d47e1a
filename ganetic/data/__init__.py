"""Image sets: a name becomes uint8 images, labels, a split and a fingerprint of the content."""

from ganetic.data.data_source import Origin
from ganetic.data.image_set import Annotations, ImageSet, Indices
from ganetic.data.load import load_images, load_judged
from ganetic.data.roles import Partition, hold_out, partition, some_of_each_class
from ganetic.data.source import origin_of, resolved, size_of, window_of, with_size, with_window
from ganetic.files import cache_directory

__all__ = [
    "Annotations",
    "ImageSet",
    "Indices",
    "Origin",
    "Partition",
    "cache_directory",
    "hold_out",
    "load_images",
    "load_judged",
    "origin_of",
    "partition",
    "resolved",
    "size_of",
    "some_of_each_class",
    "window_of",
    "with_size",
    "with_window",
]
