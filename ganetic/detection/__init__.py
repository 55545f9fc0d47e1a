"""Anomaly detection with a trained GAN of normal images, after f-AnoGAN."""
