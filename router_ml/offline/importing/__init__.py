"""Outcomes that others logged, as decisions of the event log: read, mapped, looked at, and only then written.

    files -> rows -> mapped -> decided -> written        survey: all but the last two, and what follows from it

A mapping file says which column means what. What was not randomised is recorded as not randomised: it teaches the
regressions, and no off-policy estimate takes it.
"""
