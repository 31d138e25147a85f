"""The red-team suite of the guardrails: requests that must be caught, and requests that must not be."""
