"""What runs: order books, accounts shards, feeds, writers and the directory, as thin shells around the core."""
