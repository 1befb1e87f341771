"""Corpora made again from the provenance of a release, and compared with what was released.

The recipe that comes back names every model and every Hub dataset by its commit, and whatever else took part then is
compared by digest before anything is sampled.
"""
