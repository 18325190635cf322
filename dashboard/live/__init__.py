"""What pages watch: boards that follow the bus, and wake whoever looks at them. None holds a queue that could grow."""
