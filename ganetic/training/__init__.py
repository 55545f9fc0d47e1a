"""Training: one trainer and one loop, for the short trials of a search and for full trainings."""
