"""Price feeds: the outside market, synthetic or replayed."""
