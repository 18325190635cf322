"""Money: the ledger of one accounts shard, and the intake that reserves from it."""
