"""One coverage-guided run, in a process of its own: `atheris_target TARGET [libFuzzer options]`.

`tests.fuzz.guided` starts it. To import it changes nothing: instrumented decoders are slow, and
what they count is never freed.
"""

import sys
from importlib import import_module

import atheris


def main() -> None:
    """Fuzz; libFuzzer ends the process."""
    name = sys.argv.pop(1)
    with atheris.instrument_imports(include=["connectors.formats"]):
        targets = import_module("tests.fuzz.guided_targets")
    atheris.Setup(sys.argv, targets.target(name))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
