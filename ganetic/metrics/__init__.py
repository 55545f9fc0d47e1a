"""How good generated images are: features, the Fréchet distance between them, and the stability of a training."""
