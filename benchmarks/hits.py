"""Does the explainer point at the planted segment? Hits out of tries, ours and the others.

Tools that ignore the segmenter they are given are judged on its segments all the same.
"""

import argparse
import warnings

from peers import ALL

from sightline.engine.plan import NAMES
from sightline.evaluation.pointing_game import own_explainer, run_pointing_game


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", help="names of tools")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    tools = {f"sightline {name}": own_explainer(name) for name in NAMES["attribute"]} | ALL
    for name, tool in tools.items():
        if asked.only and name not in asked.only:
            continue
        try:
            cells = [f"{hits.segmenter} {hits.hits}/{hits.tries}" for hits in run_pointing_game(tool)]
        except Exception as error:  # a peer that fails is a finding, not a reason to stop
            cells = [f"failed: {type(error).__name__}: {error}"]
        print(f"{name:20s}" + "   ".join(cells), flush=True)


if __name__ == "__main__":
    main()
