"""The self-tests of all features on the data of a space, to look at."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from ganetic.errors import UserError
from ganetic.evolution.resources import Runtime
from ganetic.evolution.space import SearchSpace
from ganetic.metrics.feature_names import CANDIDATES, is_file
from ganetic.metrics.self_test import SelfTest
from ganetic.training.device import device_for_trials
from ganetic.training.feature_choice import SelfTests, best_of
from ganetic.training.proxy_data import load_for, roles_of

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SetTests:
    """The self-tests on one set of images.

    Attributes:
        data: the set's name.
        tests: by the features' name in configurations.
        notes: what is to be said of the labels.
        choice: what ``auto`` would take, and why, or why it takes none.
    """

    data: str
    tests: Mapping[str, SelfTest]
    notes: tuple[str, ...]
    choice: str


def self_tests_of(space: SearchSpace, data: str | None, runtime: Runtime) -> dict[str, SetTests]:
    """Test the candidates of ``auto``, and features from a file, on the data of each proxy, or find it in the cache.

    Args:
        space: its proxies name features and data.
        data: a data set; None for the space's own.
        runtime: whether there are InceptionV3 weights, which are slow and not tested, and whether to download.

    Returns:
        By the proxies' names; empty with InceptionV3 weights.

    Raises:
        UserError: the data cannot be loaded or is not fit for trials, or a file of features cannot be used.
    """
    if runtime.inception_weights is not None:
        return {}
    found = {}
    for proxy in space.proxies:
        name = proxy.data or data or space.data
        images = load_for(proxy.spec, name, runtime.download)
        tests = SelfTests(images, roles_of(images, proxy.spec), device_for_trials())
        _logger.info(f"{name}: testing features on planted faults, once for each data set")
        done = {candidate: tests.of(candidate) for candidate in CANDIDATES}
        try:
            choice = best_of(done.items(), tests.images)[1]
        except UserError as error:
            choice = str(error)
        if is_file(proxy.features):
            done[proxy.features.partition(":")[0]] = tests.of(proxy.features, proxy.features_sha256)
        found[proxy.name] = SetTests(images.name, done, tests.notes, choice)
    return found
