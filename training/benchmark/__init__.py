"""What the learned parts are worth beside plain alternatives, on data they have not seen.

``python -m training.benchmark routing --help``
"""
