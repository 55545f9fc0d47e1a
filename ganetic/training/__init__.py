"""Trainings: the trainer and its loop, full trainings, and the short ones of a search."""
