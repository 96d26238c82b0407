"""Run measurements and rewrite the tables of docs: `python -m benchmarks [name …]`, all of them without a name.

What one measurement takes beside goes to it: `python -m benchmarks scale --cases long_runs`.
"""

import argparse
import pkgutil
import subprocess
import sys

import benchmarks
from benchmarks.tables import write_documents

NOT_MEASUREMENTS = {"__main__", "tables"}


def main() -> int:
    """Run what was asked for, each in a process of its own, and rewrite the tables."""
    found = (module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    names = sorted(name for name in found if name not in NOT_MEASUREMENTS and not name.startswith("_"))
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=", ".join(names))
    parser.add_argument("--tables", action="store_true", help="only rewrite the documents from the stored results")
    asked, more = parser.parse_known_args()
    if more and len(asked.names) != 1:
        parser.error(f"{' '.join(more)} is for one measurement; name it alone")
    unknown = sorted(set(asked.names) - set(names))
    if unknown:
        parser.error(f"no measurement is called {', '.join(unknown)}; there are {', '.join(names)}")
    if not asked.tables:
        for name in asked.names or names:
            print(f"measuring {name} …", flush=True)
            subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *more], check=True)
    write_documents()
    return 0


if __name__ == "__main__":
    sys.exit(main())
