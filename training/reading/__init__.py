"""The parts of the classifier: heads, calibration, measures, and what it is compared with."""
