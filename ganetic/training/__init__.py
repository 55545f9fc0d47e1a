"""Training: the trainer and its loop, short trainings of the search and full ones."""
