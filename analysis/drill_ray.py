"""The command `ray`, with patience: `ray start` gives up after 30 seconds, however busy the machine is."""

import time
from typing import Any

from ray._private import services
from ray.scripts.scripts import main

PATIENCE_SECONDS = 600.0
_get_node = services.get_node


def get_node(*arguments: Any) -> Any:
    """Wait for a node that has not registered yet."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return _get_node(*arguments)
        except RuntimeError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


services.get_node = get_node
main()
