"""Remedies to use in training programs: seeding, streams, loops, and checks of them."""
