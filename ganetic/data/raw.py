"""Images as files hold them, and the window that makes 8-bit ones of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ganetic.data.image_set import Annotations, ImageSet, Indices, annotations, checked_pixels, finished
from ganetic.data.pictures import Picture
from ganetic.data.window import Window
from ganetic.errors import UserError

PERCENTILES = (0.5, 99.5)
"""Percentiles of the grey values between which a window lies: a few stray pixels do not decide it."""

LOSSY = 2
"""Levels by which the channels of a grey image differ after WebP's or JPEG's colour transform."""

Flags = NDArray[np.bool_]
TrainingImages = Callable[[Annotations], Indices]
"""Which of some images train: those that a window may be taken from."""


@dataclass(frozen=True, eq=False)
class Depth:
    """What images of more than 8 bits need to be shown.

    Attributes:
        deep: bool ``(N,)``, whether an image has more than 8 bits; the others are shown as they are.
        windows: float64 ``(N, 2)``, the (low, high) that a file itself asks for; NaN where it asks for none.
        inverted: bool ``(N,)``, whether low values are white.
    """

    deep: Flags
    windows: NDArray[np.float64]
    inverted: Flags

    @classmethod
    def of(cls, pictures: Sequence[Picture]) -> "Depth":
        """Gather it from pictures."""
        own = [(np.nan, np.nan) if picture.window is None else picture.window for picture in pictures]
        return cls(
            deep=np.array([picture.pixels.dtype != np.uint8 for picture in pictures], np.bool_),
            windows=np.array(own, np.float64).reshape(-1, 2),
            inverted=np.array([picture.inverted for picture in pictures], np.bool_),
        )

    @classmethod
    def alike(cls, count: int, deep: bool) -> "Depth":
        """The depth of images that are all deep or all not, and whose files ask for nothing."""
        none = np.zeros(count, np.bool_)
        return cls(np.full(count, deep), np.full((count, 2), np.nan), none)

    def of_some(self, kept: Flags) -> "Depth":
        """The depth of some of the images."""
        return Depth(self.deep[kept], self.windows[kept], self.inverted[kept])


@dataclass(frozen=True, eq=False)
class RawImages:
    """Images before they are made ready to be trained on.

    Attributes:
        where: what errors begin with.
        known: of the images.
        pixels: ``(N, S, S, 1 or 3)``: uint8, or values in units of the files.
        depth: what those need that have more than 8 bits.
        notes: what whoever trains on the set should read.
    """

    where: str
    known: Annotations
    pixels: NDArray[np.generic]
    depth: Depth
    notes: tuple[str, ...] = ()

    def of_some(self, kept: Flags, known: Annotations) -> "RawImages":
        """Some of the images, as they are known then."""
        return replace(self, known=known, pixels=self.pixels[kept], depth=self.depth.of_some(kept))

    def ready(self, wanted: Window | None, training: TrainingImages, named: Callable[[Window | None], str]) -> ImageSet:
        """Make 8-bit images of them.

        Args:
            wanted: the window; None leaves that to the files and their kind.
            training: which of them train.
            named: the name by which the very same images are loaded again, with the window that was applied.

        Raises:
            UserError: there is no window for an image, or none that spreads its values.
        """
        notes = self.notes
        if not self.depth.deep.any():
            if wanted is not None:
                notes += (f"{self.known.name}: all images have 8 bits and are taken as they are; no window is applied",)
            pixels: NDArray[np.uint8] = self.pixels.astype(np.uint8, copy=False)
            return finished(self.known, pixels, notes, named(wanted))
        windows, said, kept = self._windows(wanted or self._window_by_default(), training)
        shallow = int((~self.depth.deep).sum())
        aside = f"; {shallow} images of 8 bits are taken as they are" if shallow else ""
        notes += (f"{self.known.name}: grey values of more than 8 bits become 8 bits by the window {said}{aside}",)
        shown = _shown(self.pixels, self.depth, windows)
        return finished(self.known, shown, notes, named(kept))

    def _window_by_default(self) -> Literal["file", "set"]:
        """The window that is meant where none is named: the files' own, or for integers the set's."""
        deep = self.depth.deep
        own = np.asarray(np.isfinite(self.depth.windows[deep]).all(axis=1))
        if own.all():
            return "file"
        remedy = "name a window: --window LOW HIGH, set (of the training images) or image (of each)"
        if own.any():
            raise UserError(
                f"{self.where}: {int(own.sum())} of {len(own)} images bring a window of their own, the others none; "
                f"{remedy}"
            )
        if not deep.all():
            raise UserError(
                f"{self.where}: {int((~deep).sum())} of {len(deep)} images have 8 bits, the others more, and it is not "
                f"known that they mean the same; make them alike, or {remedy}"
            )
        if np.issubdtype(self.pixels.dtype, np.floating):
            raise UserError(
                f"{self.where}: images are {self.pixels.dtype}; expected uint8 in 0 … 255, or a window for their "
                f"values; {remedy}"
            )
        return "set"

    def _windows(
        self, wanted: Window | Literal["file"], training: TrainingImages
    ) -> tuple[NDArray[np.float64] | None, str, Window | None]:
        """The window of each image, or None for each its own; how that is said; and what names it for good."""
        if wanted == "file":
            return self.depth.windows, "that each file itself asks for", None
        if wanted == "image":
            return None, "of each image's own percentiles 0.5 and 99.5", "image"
        said = ""
        if wanted == "set":
            trained = training(self.known)
            wanted = _of_set(self.where, self.pixels[trained[self.depth.deep[trained]]])
            said = f", percentiles 0.5 and 99.5 of the {len(trained)} training images"
        return np.tile(wanted, (self.known.count, 1)), f"{wanted[0]:.6g} to {wanted[1]:.6g}{said}", wanted


def raw_images(
    name: str,
    where: str,
    images: NDArray[np.generic],
    labels: NDArray[np.generic] | None = None,
    class_names: tuple[str, ...] = (),
    split: NDArray[np.generic] | None = None,
    groups: NDArray[np.generic] | None = None,
    depth: Depth | None = None,
    notes: tuple[str, ...] = (),
) -> RawImages:
    """Check arrays of unknown origin; see `ganetic.data.image_set.annotations`.

    Args:
        name: of the set.
        where: what errors begin with.
        images: ``(N, S, S)``, ``(N, S, S, 1)`` or ``(N, S, S, 3)``: uint8, or grey in units of the files.
        labels: integers ``(N,)``.
        class_names: a name for each label from 0 on.
        split: integers ``(N,)``.
        groups: integers or strings ``(N,)``.
        depth: what images of more than 8 bits need; None where no file asks for anything.
        notes: what whoever trains on the set should read.

    Raises:
        UserError: they are not such arrays.
    """
    pixels = checked_pixels(where, images)
    deep = pixels.dtype != np.uint8
    if deep and pixels.shape[3] == 3:
        raise UserError(f"{where}: colour images are {pixels.dtype}; expected uint8 in 0 … 255")
    if deep and not (np.issubdtype(pixels.dtype, np.integer) or np.issubdtype(pixels.dtype, np.floating)):
        raise UserError(f"{where}: images are {pixels.dtype}; expected uint8 in 0 … 255, or grey values")
    if np.issubdtype(pixels.dtype, np.floating) and not all(np.isfinite(image).all() for image in pixels):
        raise UserError(f"{where}: images hold values that are not finite; expected numbers; replace NaN and infinity")
    known = annotations(name, where, len(pixels), labels, class_names, split, groups)
    return RawImages(where, known, pixels, depth or Depth.alike(len(pixels), deep), notes)


def made_grey(raw: RawImages) -> RawImages:
    """Keep one channel of grey images that are stored as RGB, and say so; colour images stay as they are."""
    pixels = raw.pixels
    if pixels.shape[3] == 1 or not all(is_grey(image) for image in pixels):
        return raw
    note = f"{raw.known.name}: the images are grey and stored as RGB; one channel is used"
    return replace(raw, pixels=np.ascontiguousarray(pixels[..., 1:2]), notes=(*raw.notes, note))


def is_grey(picture: NDArray[np.generic]) -> bool:
    """Return whether the three channels of ``(H, W, 3)`` uint8 are equal, but for what lossy compression leaves."""
    red, green, blue = (picture[..., channel].astype(np.uint8, copy=False) for channel in range(3))
    spread = np.maximum(np.maximum(red, green), blue)  # pictures can be large: no wider type, and no copy
    spread -= np.minimum(np.minimum(red, green), blue)
    return bool(spread.max(initial=0) <= LOSSY)


def _of_set(where: str, pixels: NDArray[np.generic]) -> tuple[float, float]:
    low, high = (float(value) for value in np.percentile(pixels.astype(np.float32, copy=False), PERCENTILES))
    if not low < high:
        raise UserError(
            f"{where}: percentiles 0.5 and 99.5 of the training images are both {low:g}, so that no window spreads "
            "them; name one with --window LOW HIGH"
        )
    return low, high


def _shown(pixels: NDArray[np.generic], depth: Depth, windows: NDArray[np.float64] | None) -> NDArray[np.uint8]:
    """Apply windows image by image: a whole set in float64 would not fit into memory."""
    shown = np.empty(pixels.shape, np.uint8)
    for number, image in enumerate(pixels):
        if depth.deep[number]:
            values = image.astype(np.float64)
            low, high = np.percentile(values, PERCENTILES) if windows is None else windows[number]
            shown[number] = _windowed(values, low, high, bool(depth.inverted[number]))
        else:
            shown[number] = image
    return shown


def _windowed(values: NDArray[np.float64], low: float, high: float, inverted: bool) -> NDArray[np.uint8]:
    """Map low to 0 and high to 255, or the other way round; an image of one value is black."""
    spread = high - low if high > low else 1.0
    grey = np.clip(np.rint(255 * (values - low) / spread), 0, 255)
    return (255 - grey if inverted else grey).astype(np.uint8)
