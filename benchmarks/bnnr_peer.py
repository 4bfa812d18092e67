"""BNNR 0.8 on the images of decoys.py, in a Python of its own; decoys.py --second starts it.

`BNNRTrainer` as its documentation has it (docs/golden_path.md): `SimpleTorchAdapter`, Adam at 1e-3, loaders
of (image, label, index), images of 0 to 1, saliency by OptiCAM kept for all images. It trains the network
from its first weights, then tries augmentations guided by saliency (ICD and AICD, as preset "icd" has them),
and keeps what is best on validation images; --noise adds ChurchNoise, the third one of its own benchmark
of repairs (benchmarks/spurious_repair.py there). Needs torch, torchvision and bnnr alone.

    python bnnr_peer.py GIVEN.npz ANSWERS.npz --epochs 8 --iterations 2 --tile 8
"""

import argparse
import contextlib
import io
import json
import tempfile
import time
import warnings

import numpy as np
import torch
from small_networks import BATCH, RATE, answers, as_inputs, drawn_network
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def loader(images, labels, shuffle):
    count = len(labels)
    given = TensorDataset(as_inputs(images), torch.from_numpy(labels).long(), torch.arange(count))
    return DataLoader(given, batch_size=BATCH, shuffle=shuffle)


def trained_by_bnnr(network, given, asked, folder):
    """The network after its run, what it chose, and how many epochs it took in all."""
    from bnnr import AICD, ICD, BNNRConfig, BNNRTrainer, ChurchNoise, SimpleTorchAdapter

    target = [[one for one in network.modules() if isinstance(one, nn.Conv2d)][-1]]
    adapter = SimpleTorchAdapter(
        model=network,
        criterion=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(network.parameters(), lr=RATE),
        target_layers=target,
        device="cpu",
    )
    config = BNNRConfig(
        m_epochs=asked.epochs,
        max_iterations=asked.iterations,
        report_dir=f"{folder}/reports",
        checkpoint_dir=f"{folder}/checkpoints",
        device="cpu",
        seed=asked.seed,
        verbose=False,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The cache of saliency comes with the run.
        candidates = [
            kind(
                model=network,
                target_layers=target,
                threshold_percentile=75.0,
                probability=0.5,
                tile_size=asked.tile,
                random_state=asked.seed + number,
            )
            for number, kind in enumerate((ICD, AICD))
        ]
        if asked.noise:
            candidates.append(ChurchNoise(probability=0.5, intensity=0.5, random_state=asked.seed))
        loaders = (
            loader(given[kind], given[f"{kind}_labels"], kind == "learn") for kind in ("learn", "study")
        )
        trainer = BNNRTrainer(adapter, *loaders, candidates, config)
        result = trainer.run()
    return list(result.selected_augmentations), trainer._ledger.total_gpu_epochs


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("given")
    parser.add_argument("answers")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--iterations", type=int, default=2)
    parser.add_argument("--tile", type=int, default=8)
    parser.add_argument("--noise", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with np.load(asked.given) as kept:
        given = dict(kept)
    side, channels = given["learn"].shape[2:]
    network = drawn_network(asked.seed, channels, side, int(given["classes"]))
    started = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        chosen, epochs = trained_by_bnnr(network, given, asked, folder)
    took = time.perf_counter() - started[0], time.process_time() - started[1]
    said = {name: answers(network, given[f"test_{name}"]) for name in ("true", "random", "clean")}
    told = {"chosen": chosen, "epochs": epochs, "wall": round(took[0], 1), "seconds": round(took[1], 1)}
    np.savez(asked.answers, told=json.dumps(told), **said)


if __name__ == "__main__":
    main()
