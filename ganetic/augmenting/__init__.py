"""Whether generated images help a classifier: splits, subsets, generators, classifiers and what they score."""
