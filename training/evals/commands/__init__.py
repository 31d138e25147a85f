"""The commands of ``python -m training.evals``: a module each, with a function ``command``."""
