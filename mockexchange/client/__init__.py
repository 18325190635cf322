"""Client classes for bots."""
