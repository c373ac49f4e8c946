"""How often a check may be wrong by chance: the bounds that all modules share."""

FALSE_ALARM = 1e-6
"""Largest accepted probability that a right loader looks broken by chance."""

FEWEST_TO_COMPARE = 10
"""Fewest samples whose order is compared.

Two shuffles of ten samples are equal by chance once in 10! = 3.6 million.
"""

FEWEST_EQUAL = 8
"""Fewest pairs of equal samples that show a rule: a few images may be blank."""
