"""Watch a loader without changing it."""
