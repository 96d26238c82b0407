"""Data sets in miniature, in the layout of their official downloads, traps included: one file a set.

`make_<name>(root, seed=0)` writes the set below `root` and returns {split: [(key, class name)]}, what its reader must
list, sorted by key.
"""
