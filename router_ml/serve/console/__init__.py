"""The console: pages that show what the router does, rendered here, with a little JavaScript and nothing to build."""
