pytest_plugins = ["tests.support.servers", "tests.support.isolation", "tests.support.ledgers"]
