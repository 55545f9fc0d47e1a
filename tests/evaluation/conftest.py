from tests.training.conftest import _cache, digits, few_halves, run

__all__ = ["_cache", "digits", "few_halves", "run"]
