"""Detectors of anomalies that train no GAN: what a GAN has to beat."""
