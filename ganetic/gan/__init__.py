"""Generative adversarial networks: the nets, and one update of both players."""
