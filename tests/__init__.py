"""The tests; a package, so that they share factories as `tests.tiny_models`."""
