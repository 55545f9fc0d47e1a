"""`python -m tests.surroundings.pretending`: the command line, whose searches train nothing."""

from ganetic.cli import main
from ganetic.evolution.resources import Runtime
from ganetic.jobs.executor import SerialExecutor
from tests.small_run import pretend

if __name__ == "__main__":
    Runtime.executor = lambda self, context, steps: SerialExecutor(pretend, context)  # type: ignore[method-assign]
    main()
