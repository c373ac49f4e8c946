"""Helpers for training programs: seed workers, shard streams and number epochs."""
