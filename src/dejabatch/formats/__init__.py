"""The formats in which findings are printed: one module for each format."""
