"""What an exchange is: money, instruments, messages, matching and the ledger.

Pure Python: nothing in this package, except `cli`, knows of Ray, NATS, HTTP or a clock.
"""

__version__ = "0.1.0"
