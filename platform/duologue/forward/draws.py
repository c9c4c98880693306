"""Random numbers that are named rather than drawn, so that a replay draws the same ones."""

_MASK = 2**64 - 1


def uniform(seed: int, response: int, token: int) -> float:
    """The random number in [0, 1) for a token of a response; exact in float32.

    There is no state: the three numbers alone decide, so it does not matter in which order or in
    which process tokens are drawn.
    """
    mixed = split_mix(split_mix(split_mix(seed) ^ response) ^ token)
    return (mixed >> 40) / 2**24


def split_mix(state: int) -> int:
    """One step of SplitMix64: a well-mixed 64-bit number for any 64-bit state.

    Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
    """
    mixed = (state + 0x9E3779B97F4A7C15) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return mixed ^ (mixed >> 31)
