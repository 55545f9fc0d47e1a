"""Generators that others can load: what is published of a training, and how it is loaded."""
