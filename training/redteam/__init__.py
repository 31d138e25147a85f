"""The red team of the guardrails: synthetic values, the requests they stand in, and ways to hide them.

Written apart from the detectors: nothing here looks at a pattern, and nothing is tuned to what is found. Every value is
random and made at run time; those with a checksum carry the right one, by the rule of its standard.
"""
