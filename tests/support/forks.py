"""Runs scripts that standard input names, each alone in a fork: ``python -W error -m support.forks``.

The process has imported what most scripts import, which takes longer than most of what they do. What a
script does, changes or leaves behind ends with its fork.
"""

import contextlib
import os
import re
import sys
import traceback
import warnings
from pathlib import Path

MANY = ("numpy", "scipy.stats", "skimage.segmentation", "sklearn.decomposition", "sklearn.linear_model")
MANY += ("sklearn.pipeline", "matplotlib.pyplot", "sightline.study", "sightline.figures")
LARGE = {"torch": "torch._dynamo"}
"""What only some scripts import, and with it comes what fitting needs."""


def run_forked(script: Path) -> int:
    """How the fork ended that ran the script in its folder, and wrote what it said beside it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python 3.12 warns of threads, of which none runs anything here
        child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    ended = 1
    try:
        for number, ending in ((1, ".out"), (2, ".err")):
            with script.with_suffix(ending).open("wb") as file:
                os.dup2(file.fileno(), number)
        os.chdir(script.parent)
        sys.path[0], sys.argv = str(script.parent), [script.name]
        main = sys.modules["__main__"] = type(sys)("__main__")
        main.__file__ = script.name
        exec(compile(script.read_text(encoding="utf-8"), script.name, "exec"), main.__dict__)
        ended = 0
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(ended)


def main() -> None:
    """Run them, and say how each ended."""
    for name in MANY:
        __import__(name)
    for line in sys.stdin:
        script = Path(line.rstrip("\n"))
        for name in re.findall(r"^\s*(?:import|from) (\w+)", script.read_text(encoding="utf-8"), re.M):
            with contextlib.suppress(ImportError):
                __import__(LARGE.get(name, "sys"))
        sys.stdout.write(f"{run_forked(script)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
