"""A second author's failures and styles, written from the cases and from the sentences under ``catches`` alone, without
the checks and without the first set; they and what they are expected to ring were written down before the first run."""
