"""Who calls, and what they may do: keys, their scopes, organisations and limits."""
