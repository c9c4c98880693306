"""PromQL that several panels share. A counter's name is given without `_total`."""

RATE = "[$__rate_interval]"


def rate_of(counter: str, chosen: str, by: str = "") -> str:
    """How often in a second, all processes together or by labels."""
    return f"sum{_by(by)} (rate({counter}_total{{{chosen}}}{RATE}))"


def quantile_of(share: float, histogram: str, chosen: str, by: str = "") -> str:
    """What this share of the observations stays below, all processes together or by labels."""
    labels = f"{by}, le" if by else "le"
    return (
        f"histogram_quantile({share:g}, sum by ({labels}) "
        f"(rate({histogram}_bucket{{{chosen}}}{RATE})))"
    )


def mean_of(histogram: str, chosen: str, by: str = "") -> str:
    """The mean of the observations."""
    total, count = (
        f"sum{_by(by)} (rate({histogram}_{part}{{{chosen}}}{RATE}))" for part in ("sum", "count")
    )
    return f"{total} / {count}"


def sum_of(gauge: str, chosen: str, by: str = "") -> str:
    """A gauge, all processes together or by labels."""
    return f"sum{_by(by)} ({gauge}{{{chosen}}})"


def _by(labels: str) -> str:
    return f" by ({labels})" if labels else ""
