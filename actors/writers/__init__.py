"""Writers: the journal and the market folded into Valkey's read model."""
