"""Experiments: what a loader does when one thing about it is changed."""
