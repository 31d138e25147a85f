"""The parts of ``training.demo``, which is ``make demo``."""
