"""An audit that compares the loaders of all ranks of a program.

The ranks exchange small records through the store of their process group, so that no
collective runs and no group is made in the program itself.
"""
