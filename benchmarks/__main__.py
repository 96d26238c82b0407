"""Run measurements and rewrite docs/benchmarks.md: `python -m benchmarks [name …]`, all of them without a name."""

import argparse
import importlib
import pkgutil
import sys

import benchmarks
from benchmarks.tables import write_document

NOT_MEASUREMENTS = {"__main__", "machine", "tables"}


def main() -> int:
    """Run what was asked for; return the exit code."""
    names = sorted(m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name not in NOT_MEASUREMENTS)
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*names, []], help=", ".join(names))
    parser.add_argument("--tables", action="store_true", help="only rewrite the document from the stored results")
    asked = parser.parse_args()
    if not asked.tables:
        for name in asked.names or names:
            print(f"measuring {name} …")
            importlib.import_module(f"benchmarks.{name}").main()
    write_document()
    return 0


if __name__ == "__main__":
    sys.exit(main())
