"""A KServe ModelServer with the linear model under several names, each with its own declared input.

python -m support.serve_kserve weights.npz
"""

import os
import socket
import sys
import threading
from typing import Any

import kserve
import numpy as np

from support.linear import Linear

STORED = np.load(sys.argv[1])
MODEL = Linear(STORED["weights"], STORED["offsets"])
H, W, C = (int(n) for n in STORED["shape"])
INPUTS: dict[str, list[dict[str, Any]]] = {
    "undeclared": [],
    "flat": [{"name": "pixels", "datatype": "FP32", "shape": [-1, H * W * C]}],
    "nchw": [{"name": "pixels", "datatype": "FP64", "shape": [-1, C, H, W]}],
    "half": [{"name": "pixels", "datatype": "FP16", "shape": [-1, H, W, C]}],
    "classes": [{"name": "pixels", "datatype": "FP32", "shape": [-1, H, W, C]}],
}


class Served(kserve.Model):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.ready = True

    async def get_input_types(self) -> list[dict[str, Any]]:
        return INPUTS[self.name]

    async def get_output_types(self) -> list[dict[str, Any]]:
        return []

    def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:
        if isinstance(payload, dict):
            return {"predictions": MODEL(np.array(payload["instances"])).tolist()}
        images = payload.inputs[0].as_numpy()
        if self.name == "nchw":
            images = images.transpose(0, 2, 3, 1)
        scores = MODEL(images)
        if self.name == "classes":
            return self.answer(payload, "output-0", "INT64", scores.argmax(axis=1))
        return self.answer(payload, "output-0", "FP64", scores)

    def answer(self, payload: Any, name: str, datatype: str, values: np.ndarray) -> kserve.InferResponse:
        output = kserve.InferOutput(name=name, shape=list(values.shape), datatype=datatype)
        output.set_data_from_numpy(values, binary_data=False)
        return kserve.InferResponse(response_id=payload.id, model_name=self.name, infer_outputs=[output])


def end_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


def main() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    print(port, flush=True)  # noqa: T201
    threading.Thread(target=end_with_parent, daemon=True).start()
    server = kserve.ModelServer(http_port=port, workers=1, enable_grpc=False, access_log_format="")
    server.start([Served(name) for name in INPUTS])


if __name__ == "__main__":
    main()
