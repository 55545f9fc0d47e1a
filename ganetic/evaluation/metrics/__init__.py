"""The metrics of an evaluation, a file for each or for each family, which register themselves."""
