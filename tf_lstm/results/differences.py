"""Differences between accuracies of several seeds, and whether they may be due to chance."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

# The 0.975 quantiles of Student's t distribution for 1 to 30 degrees of freedom, from the NIST/
# SEMATECH e-Handbook of Statistical Methods, section 1.3.6.7.2; then that of the normal one.
T_QUANTILES = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
NORMAL_QUANTILE = 1.960


def t_quantile(degrees: float) -> float:
    """The 0.975 quantile of Student's t distribution; degrees of freedom are rounded down."""
    whole = max(1, int(degrees))
    return T_QUANTILES[whole - 1] if whole <= len(T_QUANTILES) else NORMAL_QUANTILE


class Difference(NamedTuple):
    """A difference with its standard error. In Markdown it is bold if it is significant."""

    value: float
    standard_error: float = math.nan  # nan: there is one seed only
    degrees: float = 0  # of freedom, of the standard error

    @property
    def is_significant(self) -> bool:
        """Whether the 95 % confidence interval excludes 0."""
        return abs(self.value) > t_quantile(self.degrees) * self.standard_error

    def __str__(self) -> str:
        value = f"{self.value:+z.2f}"  # z: never -0.00
        if math.isnan(self.standard_error):
            return value
        text = f"{value} ± {self.standard_error:.2f}"
        return f"**{text}**" if self.is_significant else text


def difference(value: float, *parts: tuple[Sequence[float], float]) -> Difference:
    """A difference whose variance is the sum of weighted variances of independent groups.

    Args:
        value: the difference.
        parts: (group, weight) pairs. A group has a number for each seed. For the mean of n numbers,
            the weight of their variance is 1 / n.

    Returns:
        The difference, with the degrees of freedom of Welch and Satterthwaite; for a single group
        these are n - 1.
    """
    if any(len(group) == 1 for group, _ in parts):
        return Difference(value)
    variances = [weight * statistics.variance(group) for group, weight in parts]
    total = sum(variances)
    if not total:
        return Difference(value, standard_error=0.0)
    shares = [variance / total for variance in variances]
    pairs = zip(shares, parts, strict=True)
    degrees = 1 / sum(share**2 / (len(group) - 1) for share, (group, _) in pairs)
    return Difference(value, math.sqrt(total), degrees)


def of_pairs(differences: Sequence[float]) -> Difference:
    """The mean of differences between runs with the same seed."""
    return difference(statistics.mean(differences), (differences, 1 / len(differences)))


def of_means(ours: Sequence[float], theirs: Sequence[float]) -> Difference:
    """The difference of the means of two groups of runs."""
    value = statistics.mean(ours) - statistics.mean(theirs)
    return difference(value, (ours, 1 / len(ours)), (theirs, 1 / len(theirs)))


def from_one_run(ours: Sequence[float], published: float) -> Difference:
    """The difference of the mean of our runs from one published run.

    The published run is assumed to vary from seed to seed as ours do.
    """
    return difference(statistics.mean(ours) - published, (ours, 1 / len(ours) + 1))
