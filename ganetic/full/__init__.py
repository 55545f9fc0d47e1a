"""Full training: from a loss card to a trained, judged GAN."""
