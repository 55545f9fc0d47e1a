"""A look at a data set before anything is prepared: which of its sizes can be tried, and is it known already."""

from dataclasses import dataclass

from ganetic.data import ImageSet, size_of, with_size
from ganetic.errors import UserError
from ganetic.evolution.shortlist import BASE_SIZE, LARGEST_OWN_SIZE, OTHER_SIZE
from ganetic.gan.dcgan import SIZES
from ganetic.training.proxy_data import load_for
from ganetic.training.spec import ProxySpec


@dataclass(frozen=True)
class Look:
    """What is seen.

    Attributes:
        data: name and fingerprint of the images at the base size.
        count: how many they are.
        channels: 1 or 3.
        side: of the images at the base size, in pixels.
        size: side to which they must be resized for that; None where they are as they should be.
        other_size: another side that they have pixels for; None for none, or where the name says a size.
    """

    data: str
    count: int
    channels: int
    side: int
    size: int | None
    other_size: int | None


def look_at(data: str, proxy: ProxySpec, download: bool) -> Look:
    """Load a data set, and say at which sizes proxies can be tried on it.

    Raises:
        UserError: it cannot be loaded.
    """
    named = size_of(data)
    images = _as_it_is(data, proxy, download)
    own = None if images is None else images.images.shape[1]
    if images is not None and own is not None and (named is not None or (own <= LARGEST_OWN_SIZE and own in SIZES)):
        return _seen(images, None, None)
    resized = load_for(proxy, with_size(data, BASE_SIZE), download)
    has_more = own is None or own >= OTHER_SIZE
    return _seen(resized, BASE_SIZE, OTHER_SIZE if has_more else None)


def _as_it_is(data: str, proxy: ProxySpec, download: bool) -> ImageSet | None:
    """The images; None where they are of many sizes, or of one that is too large, and no size is named."""
    try:
        return load_for(proxy, data, download)
    except UserError:
        if size_of(data) is not None:
            raise
        return None  # whatever else is wrong with them, they cannot be loaded at a size either


def _seen(images: ImageSet, size: int | None, other_size: int | None) -> Look:
    shape = images.images.shape
    known = f"{images.name}:{images.fingerprint[:12]}"
    return Look(known, len(images.images), shape[3], shape[1], size, other_size)
