"""The journal, the bus and the snapshots on real NATS servers."""
