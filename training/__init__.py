"""Everything that makes a bundle: corpus, encoder export, classifier, allocation, retraining.

Imports ``router_ml``, never the reverse, and is not part of the wheel.
"""
