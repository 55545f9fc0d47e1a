"""The settings of which `ganetic calibrate --choose` chooses a proxy, and what they are tried with.

All constants of the choice stand here. Raise `VERSION` when one or the diagnosis changes: choices in a cache are kept
under all of them.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from ganetic.config import Config
from ganetic.gan.profiles import ProfileName
from ganetic.training.spec import ProxySpec, Steps

VERSION = 2

BASE_DECAY = 0.98
"""Of the averaged generator, where the space's first proxy has none."""
OTHER_DECAY = 0.95
OTHER_BATCH = 32
OTHER_WIDTH = 64
AUGMENTED_BELOW = 2_000
"""Sets of fewer images are tried with augmentation; so are others where a profile is named."""
PROFILES_BY_CHANNELS: Mapping[int, ProfileName] = {1: "xray", 3: "natural"}
"""Augmentation where no profile is named, for grey images and for colour."""

LARGEST_OWN_SIZE = 32
"""Images of at most this side, and one that the nets take, keep their size …"""
BASE_SIZE = 28
"""… and larger ones are tried at this side …"""
OTHER_SIZE = 40
"""… and at this one, where they have as many pixels."""


class Schedule(Config):
    """What settings are tried with, and how they are sifted."""

    losses: tuple[str, ...] = ("bce", "hinge", "lsgan", "relativistic-hinge", "ganetic")
    """Published losses that must train."""
    gap_loss: str = "bce"
    """The one whose distances after `early` and `steps` steps are the planted gap."""
    early: Steps = 300
    """Steps of the worse end of the gap."""
    steps: Steps = 400
    """Of a training."""
    every: Steps = 100
    """Steps between two measurements."""
    seeds: tuple[int, ...] = (2, 3)
    """Of each loss: in the first round, and more in each that follows."""
    keep_share: Annotated[float, Field(gt=0, lt=1)] = 1 / 3
    """How many settings go on to the next round."""
    keep_least: Annotated[int, Field(ge=1)] = 2
    """The fewest that go on."""
    failed_most: Annotated[float, Field(ge=0, le=1)] = 0.1
    """A setting of which a larger share of trainings failed is dropped."""

    @property
    def checkpoints(self) -> tuple[int, ...]:
        """Steps at which a training is measured."""
        return tuple(sorted({*range(self.every, self.steps, self.every), self.early, self.steps}))

    def kept_of(self, count: int) -> int:
        """How many of so many settings go on to another round, at most."""
        return max(self.keep_least, math.ceil(self.keep_share * count))


class Setting(Config):
    """A proxy to be tried."""

    name: str
    """What sets it apart from the first, which is ``base``."""
    proxy: ProxySpec
    """The nets and the optimizer."""
    size: int | None = None
    """Side in pixels to which the images are resized; None leaves them as they are."""


def shortlist(
    first: ProxySpec, count: int, channels: int, size: int | None, other_size: int | None, profile: ProfileName | None
) -> tuple[Setting, ...]:
    """The settings for a data set; those that would be equal are named once.

    Args:
        first: the space's first proxy.
        count: images of the set.
        channels: 1 or 3.
        size: side to which the images are resized; None leaves them as they are.
        other_size: another side to try; None for none.
        profile: of the augmentation; None: by number and channels of the images.
    """
    base = _changed(first, ema_decay=first.ema_decay or BASE_DECAY)
    resized = _changed(base, upsampling="resize")
    if profile is None:
        profile = PROFILES_BY_CHANNELS[channels] if count < AUGMENTED_BELOW else "none"
    settings = [Setting(name="base", proxy=base, size=size), Setting(name="resize", proxy=resized, size=size)]
    if profile != "none":
        settings += [
            Setting(name=profile, proxy=_changed(base, augmentation=profile), size=size),
            Setting(name=f"resize, {profile}", proxy=_changed(resized, augmentation=profile), size=size),
        ]
    settings += [
        Setting(name=f"resize, batch {OTHER_BATCH}", proxy=_changed(resized, batch=OTHER_BATCH), size=size),
        Setting(name=f"resize, width {OTHER_WIDTH}", proxy=_changed(resized, width=OTHER_WIDTH), size=size),
    ]
    if other_size is not None:
        settings.append(Setting(name=f"resize, {other_size} px", proxy=resized, size=other_size))
    settings.append(Setting(name=f"decay {OTHER_DECAY:g}", proxy=_changed(base, ema_decay=OTHER_DECAY), size=size))
    return tuple(_distinct(settings))


CHANGED = ("upsampling", "augmentation", "width", "batch", "ema_decay")
"""Keys of a proxy that the shortlist changes, apart from the size of the images."""


def changes(first: ProxySpec, chosen: ProxySpec) -> dict[str, Any]:
    """What of a chosen proxy is not as in the space's first one, by key."""
    return {key: getattr(chosen, key) for key in CHANGED if getattr(chosen, key) != getattr(first, key)}


def relative_cost(setting: Setting, base: Setting, side: int) -> float:
    """About how long a step takes, in steps of the base: as measured on a core.

    Args:
        setting: what is asked about.
        base: what it is compared with.
        side: of the images of the base, in pixels.
    """
    ours, theirs = setting.proxy, base.proxy
    pixels = ((setting.size or side) / side) ** 2
    upsampling = 1.3 if ours.upsampling != theirs.upsampling else 1.0
    return float((ours.width / theirs.width) ** 1.3 * (ours.batch / theirs.batch) ** 0.7 * upsampling * pixels)


def _changed(proxy: ProxySpec, **update: Any) -> ProxySpec:
    return proxy.model_copy(update=update)


def _distinct(settings: list[Setting]) -> list[Setting]:
    seen: list[tuple[ProxySpec, int | None]] = []
    kept = []
    for setting in settings:
        if (setting.proxy, setting.size) not in seen:
            seen.append((setting.proxy, setting.size))
            kept.append(setting)
    return kept
