"""Distributions of positive durations, named by mean and coefficient of variation, drawn from a `Random` that is given."""

from math import exp, inf, lgamma, log, sqrt
from random import Random

SHAPES = ("lognormal", "exponential", "fixed")


def duration(random: Random, mean: float, shape: str, cv: float) -> float:
    """A handle time in seconds. `cv` counts for lognormal only."""
    if mean == 0 or shape == "fixed":
        return mean
    if shape == "exponential":
        return random.expovariate(1 / mean)
    sigma2 = log(1 + cv * cv)
    return random.lognormvariate(log(mean) - sigma2 / 2, sqrt(sigma2))


def weibull(random: Random, mean: float, shape: float) -> float:
    """A patience in seconds: exponential for shape 1; a mean of 0 stands for callers who never leave."""
    if mean == 0:
        return inf
    return random.weibullvariate(mean / exp(lgamma(1 + 1 / shape)), shape)
