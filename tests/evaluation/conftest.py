from tests.training.full.conftest import _cache, digits, few_halves

__all__ = ["_cache", "digits", "few_halves"]
