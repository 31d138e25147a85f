"""Failures that are planted into a good lane. They are written from the suites' cases and from the sentences under
``catches``, by somebody who has not read the checks."""
