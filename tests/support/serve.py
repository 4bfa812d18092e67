"""A server process that follows the published V1 and V2 REST protocols, and misbehaves where asked to.

    python -m support.serve weights.npz

prints its port, serves on the loopback, and ends when its standard input is closed. Under ``/`` it says
that it takes binary tensors, under ``/plain`` it does not.
"""

import asyncio
import json
import math
import os
import socket
import sys
import threading
from collections import Counter

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from support.linear import Linear

DTYPES = {"FP16": "<f2", "FP32": "<f4", "FP64": "<f8", "UINT8": "u1", "INT64": "<i8"}
SEEN: Counter[str] = Counter()
STORED = np.load(sys.argv[1])
MODEL = Linear(STORED["weights"], STORED["offsets"])
H, W, C = (int(n) for n in STORED["shape"])

SCORES = {"name": "scores", "datatype": "FP32", "shape": [-1, len(MODEL.offsets)]}
LABEL = {"name": "label", "datatype": "INT64", "shape": [-1]}


def declared(datatype: str, shape: list[int], outputs: list[dict]) -> dict:
    return {"inputs": [{"name": "pixels", "datatype": datatype, "shape": shape}], "outputs": outputs}


MODELS = {
    "flat": declared("FP32", [-1, H * W * C], [LABEL, SCORES]),
    "nchw": declared("FP32", [-1, C, H, W], [SCORES]),
    "bytes": declared("UINT8", [-1, H, W, C], [SCORES]),
    "half": declared("FP16", [-1, H, W, C], [SCORES]),
    "pairs": declared("FP64", [2, H, W, C], [SCORES]),
    "classes": declared("FP32", [-1, H, W, C], [LABEL]),
    "twins": declared("FP32", [-1, H, W, C], [SCORES, {**SCORES, "name": "other"}]),
    "text": declared("BYTES", [-1, 1], [SCORES]),
    "undeclared": {"inputs": [], "outputs": []},
    "starting": declared("FP32", [-1, H, W, C], [SCORES]),
    "broken": declared("FP32", [-1, H, W, C], [SCORES]),
    "empty": declared("FP32", [-1, H, W, C], [SCORES]),
    "page": declared("FP32", [-1, H, W, C], [SCORES]),
    "slow": declared("FP32", [-1, H, W, C], [SCORES]),
}


def error(status: int, text: str) -> Response:
    return JSONResponse({"error": text}, status)


def misbehave(name: str) -> Response | None:
    if name == "starting" and SEEN["starting"] < 3:
        return error(503, "model 'starting' is not ready")
    if name == "broken":
        return PlainTextResponse("Internal Server Error: out of memory", 500)
    if name == "empty":
        return JSONResponse({})
    if name == "page":
        return PlainTextResponse("<html>log in first</html>")
    return None


def as_channels_last(name: str, images: np.ndarray) -> np.ndarray:
    return images.transpose(0, 2, 3, 1) if name == "nchw" else images


async def server_metadata(request: Request) -> Response:
    extensions = [] if request.url.path.startswith("/plain") else ["binary_tensor_data"]
    return JSONResponse({"name": "serve", "version": "1", "extensions": extensions})


async def ready(request: Request) -> Response:
    return JSONResponse({"ready": True})


async def seen(request: Request) -> Response:
    return JSONResponse(dict(SEEN))


async def metadata(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in MODELS:
        return error(404, f"Request for unknown model: '{name}' is not found")
    return JSONResponse({"name": name, "versions": ["1"], "platform": "numpy", **MODELS[name]})


def read_tensor(tensor: dict, raw: bytes) -> np.ndarray:
    dtype = np.dtype(DTYPES[tensor["datatype"]])
    size = tensor.get("parameters", {}).get("binary_data_size")
    if size is None:
        if tensor["datatype"] == "FP16":
            raise ValueError("sending FP16 data via JSON is not supported")
        return np.array(tensor["data"], dtype).reshape(tensor["shape"])
    if size != len(raw) or size != dtype.itemsize * math.prod(tensor["shape"]):
        raise ValueError("unexpected total byte size")
    return np.frombuffer(raw, dtype).reshape(tensor["shape"])


def check_input(tensor: dict, told: dict) -> None:
    for key in ("name", "datatype"):
        if tensor[key] != told[key]:
            raise ValueError(f"input {key} is {tensor[key]}, expected {told[key]}")
    wanted = told["shape"]
    same = len(wanted) == len(tensor["shape"])
    if not same or any(w not in (-1, g) for w, g in zip(wanted, tensor["shape"], strict=True)):
        raise ValueError(f"unexpected shape for input 'pixels': {tensor['shape']}, expected {wanted}")


async def infer(request: Request) -> Response:
    name = request.path_params["name"]
    SEEN[name] += 1
    if name == "slow":
        await asyncio.sleep(3)
    if (response := misbehave(name)) is not None:
        return response
    body = await request.body()
    head = request.headers.get("Inference-Header-Content-Length")
    SEEN["binary" if head else "json"] += 1
    length = int(head) if head else len(body)
    asked = json.loads(body[:length])
    try:
        (tensor,) = asked["inputs"]
        if MODELS[name]["inputs"]:
            check_input(tensor, MODELS[name]["inputs"][0])
        images = read_tensor(tensor, body[length:])
    except ValueError as problem:
        return error(400, str(problem))
    scores = MODEL(as_channels_last(name, images)).astype(np.float32)
    made = {
        "scores": {**SCORES, "shape": list(scores.shape), "data": scores.ravel().tolist()},
        "label": {**LABEL, "shape": [len(scores)], "data": scores.argmax(axis=1).tolist()},
    }
    made["other"] = {**made["scores"], "name": "other"}
    wanted = [one["name"] for one in asked.get("outputs") or MODELS[name]["outputs"] or [SCORES]]
    return JSONResponse({"model_name": name, "outputs": [made[one] for one in wanted]})


async def status(request: Request) -> Response:
    state = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    return JSONResponse({"model_version_status": [state]})


async def predict(request: Request) -> Response:
    name = request.path_params["name"]
    SEEN[f"v1 {name}"] += 1
    asked = json.loads(await request.body())
    if name == "missing":
        return error(404, "Servable not found for request: Latest(missing)")
    if name == "wordless":
        return JSONResponse({"outputs": []})
    images = np.array(asked["instances"], np.float64)
    if name == "strict" and images.ndim != 4:
        return error(400, f"input must be 4-dimensional [{len(images)},{H},{W}]")
    scores = MODEL(images)
    if name == "named":
        return JSONResponse({"predictions": [dict(zip("abc", row, strict=True)) for row in scores.tolist()]})
    if name == "parts":
        return JSONResponse({"predictions": [{"scores": row, "classes": "abc"} for row in scores.tolist()]})
    return JSONResponse({"predictions": scores.tolist()})


ROUTES = [
    Route("/v2", server_metadata),
    Route("/v2/health/ready", ready),
    Route("/v2/models/{name}", metadata),
    Route("/v2/models/{name}/versions/1", metadata),
    Route("/v2/models/{name}/infer", infer, methods=["POST"]),
    Route("/v2/models/{name}/versions/1/infer", infer, methods=["POST"]),
    Route("/v1/models/{name}:predict", predict, methods=["POST"]),
    Route("/v1/models/{name}/versions/1:predict", predict, methods=["POST"]),
    Route("/v1/models/{name}", status),
    Route("/seen", seen),
]


def end_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


def main() -> None:
    # Naming the protocol makes asyncio send small answers at once.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)  # noqa: T201
    threading.Thread(target=end_with_parent, daemon=True).start()
    app = Starlette(routes=[Mount("/plain", routes=ROUTES), *ROUTES])
    uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off")).run(sockets=[listening])


if __name__ == "__main__":
    main()
