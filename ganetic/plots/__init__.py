"""Figures of a run: data frames in, matplotlib figures out."""
