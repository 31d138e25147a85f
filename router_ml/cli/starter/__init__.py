"""What ``router-ml init`` writes: a ``router.yaml``, a table of policy tests, a suite of evaluations to start from."""
