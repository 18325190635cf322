"""The whole exchange in one process: real shells on a fake journal, bus and clock, faults from one seed, an auditor."""
