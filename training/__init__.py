"""Everything that makes a bundle: corpus, encoder export, classifier, allocation, retraining.

What stands in a file here is a step of its own, most of them a command; the folders hold their parts. Imports
``router_ml``, never the reverse, and is not part of the wheel.
"""
