"""The parts of `benchmarks.device`: what is measured of a GPU."""
