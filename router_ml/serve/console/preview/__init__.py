"""The page to try a request on, without a trace."""
