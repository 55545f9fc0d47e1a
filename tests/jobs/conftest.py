from collections.abc import Iterator

import pytest

from ganetic.jobs.executor import Executor


@pytest.fixture(scope="class")
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    """One executor of two slots for all tests of a contract class; each leaves nothing outstanding."""
    with request.cls.make(2) as executor:
        yield executor
