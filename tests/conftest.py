pytest_plugins = [
    "tests.support.servers",
    "tests.support.isolation",
    "tests.support.clean_endings",
    "tests.support.ledgers",
]
