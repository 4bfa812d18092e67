"""Peak memory of an explanation beyond the image, whatever the budget: two batches and their output.

Each case runs in a process of its own, on a 1024×1024×3 float32 image (12 MiB) with batches of 8 (96 MiB).
"""

import argparse
import subprocess
import sys

CASE = """
import resource, sys
import numpy as np
import sightline as sl
from sightline.engine.perturbation import perturbed_batches
budget = int(sys.argv[1])
image = np.random.default_rng(0).random((1024, 1024, 3)).astype(np.float32)
def model(images):
    mean = images[:, ::64, ::64].mean(axis=(1, 2, 3))
    return np.stack([mean, 1 - mean], axis=1)
options = dict(segment="grid:rows=10,columns=10", fill="colour", progress=False)
sl.explain(image[:64, :64], model, budget=300, **options)  # imports and caches are not the explanation's
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
if budget:
    sl.explain(image, model, budget=budget, batch_size=8, **options)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budgets", type=int, nargs="*", default=(250, 1000, 4000))
    asked = parser.parse_args()
    print("peak memory beyond what was there before, in batches of 8 images (96 MiB)")
    for budget in asked.budgets:
        run = subprocess.run(
            [sys.executable, "-c", CASE, str(budget)], check=True, capture_output=True, text=True
        )
        mib = float(run.stdout)
        print(f"  budget {budget:5d}: {mib:6.0f} MiB = {mib / 96:.2f} batches")


if __name__ == "__main__":
    main()
