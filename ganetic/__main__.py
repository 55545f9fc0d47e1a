"""`python -m ganetic`, where the command is not installed, as in a job on a cluster."""

from ganetic.cli import main

main()
