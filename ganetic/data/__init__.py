"""Image sets: a name becomes uint8 images, labels, a split and a fingerprint of the content."""

from ganetic.data.changes import resize, select_classes
from ganetic.data.image_set import ImageSet, Indices
from ganetic.data.load import cache_directory, load_images, resolved
from ganetic.data.roles import Partition, hold_out, partition

__all__ = [
    "ImageSet",
    "Indices",
    "Partition",
    "cache_directory",
    "hold_out",
    "load_images",
    "partition",
    "resize",
    "resolved",
    "select_classes",
]
