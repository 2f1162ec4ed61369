"""Noise of the discrete Laplace distribution is drawn exactly, by integers and fractions only.

Floating-point samplers leak through the gaps between the numbers they can return (Mironov 2012); this one follows
Canonne, Kamath and Steinke, "The Discrete Gaussian for Differential Privacy" (2020), algorithms 1 and 2.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from fractions import Fraction

#: Returns a uniform integer from 0 up to, and without, its argument.
Below = Callable[[int], int]


def discrete_laplace(epsilon: Fraction, below: Below = secrets.randbelow) -> int:
    """Return x with a probability proportional to exp(-epsilon * |x|); `epsilon` is positive."""
    steps, scale = epsilon.numerator, epsilon.denominator
    while True:
        rest = below(scale)
        if not _bernoulli_exp(Fraction(rest, scale), below):
            continue
        whole = 0
        while _bernoulli_exp(Fraction(1), below):
            whole += 1
        size = (rest + scale * whole) // steps
        is_negative = below(2) == 1
        # Zero would otherwise come twice, once with each sign.
        if size or not is_negative:
            return -size if is_negative else size


def _bernoulli_exp(exponent: Fraction, below: Below) -> bool:
    """Return True with probability exp(-exponent), for an exponent from 0 to 1.

    A chain of coins with probabilities exponent/1, exponent/2, … breaks off after an odd number of them exactly
    so often (von Neumann).
    """
    tosses = 1
    while below(exponent.denominator * tosses) < exponent.numerator:
        tosses += 1
    return tosses % 2 == 1
