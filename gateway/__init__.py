"""HTTP edge: translates dialects to commands and holds no truth."""
