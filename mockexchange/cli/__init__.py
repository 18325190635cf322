"""The command `mockx`. It alone knows all of the exchange's packages and wires them."""

from __future__ import annotations

import sys

from mockexchange.cli.arguments import parse_arguments

EXIT_PROBLEM = 1
EXIT_INTERRUPTED = 130


def main() -> int:
    """Run the command line; return the exit status. What a person can mend is told in one line each."""
    arguments = parse_arguments(sys.argv[1:])
    try:
        # Here, so that a client's environment without the server's packages is told what is missing.
        from infra.problem import Problem  # noqa: PLC0415
        from mockexchange.cli.commands import run  # noqa: PLC0415
    except ModuleNotFoundError as error:
        return _complain(f"{error.name} is not installed: install mockexchange[server] to run an exchange")
    try:
        return run(arguments)
    except Problem as problem:
        return _complain(str(problem))
    except OSError as error:
        return _complain(f"{error.filename or 'the system'}: {error.strerror or error}")
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _complain(text: str) -> int:
    for line in text.splitlines():
        print(f"mockx: {line}", file=sys.stderr)
    return EXIT_PROBLEM
