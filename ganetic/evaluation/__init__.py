"""Evaluation: how good, how varied and how copied the images of a trained generator are."""
