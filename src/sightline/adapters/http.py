"""the URL of a served model → Backend: KServe V2 (Triton) and TensorFlow Serving REST (KServe V1)."""

import base64
import contextlib
import json
import re
import socket
import threading
import time
import weakref
from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
from jaxtyping import Shaped

from sightline._limits import limit_of, overrule_hint
from sightline._optional import require
from sightline._printing import printable_text
from sightline._trust import HIDDEN, check_secret_known, split_secret, user_and_password, without_secrets
from sightline.adapters.inputs import DeclaredInputModel, InputSpec, declared_shape, only_input
from sightline.adapters.output_selection import DeclaredOutput, choose_output
from sightline.adapters.outputs import clip_text
from sightline.errors import FileError, ModelError
from sightline.types import Backend

# Seconds: an answer may take long (a large model, a queue), a connection may not.
CONNECT_TIMEOUT = 5.0
# Seconds before each further try, where the server is starting, busy or gone for a moment.
WAITS = (0.2, 0.5, 1.0)
AGAIN = (502, 503)

DATATYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(bool),
    **{f"FP{bits}": np.dtype(f"float{bits}") for bits in (16, 32, 64)},
    **{f"UINT{bits}": np.dtype(f"uint{bits}") for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": np.dtype(f"int{bits}") for bits in (8, 16, 32, 64)},
}
NAMES = {dtype: name for name, dtype in DATATYPES.items()}

PATTERN = re.compile(
    r"(?P<root>https?://[^/?#@]+(?:/[^?#]*?)?)/(?P<version>v[12])/models/"
    r"(?P<model>[^/:?#]+)(?P<which>/(?:versions|labels)/[^/:?#]+)?(?:/infer|:predict)?/?",
    re.IGNORECASE,
)


def open_served_model(url: str) -> "TensorFlowServingModel | OpenInferenceModel":
    """The model behind a URL, by the protocol that its path names.

    Raises
    ------
    FileError
        If the URL is not of either form.
    MissingExtra
        Without the package httpx.
    ModelError
        If a V2 server cannot be reached, or does not have the model.
    """
    check_secret_known(url, "")
    hidden, secret = split_secret(url)
    found = PATTERN.fullmatch(hidden.replace(f"//{HIDDEN}@", "//", 1))
    if found is None:
        raise FileError(
            f"{without_secrets(url)!r} is not the URL of a model. It has to be "
            "http://host:port/v2/models/NAME (KServe V2, Triton) or http://host:port/v1/models/NAME "
            "(TensorFlow Serving, KServe V1), with /versions/N after it where wanted.",
            slug="model-url",
        )
    server = f"{found['root']}/{found['version'].lower()}"
    model = f"{server}/models/{found['model']}{found['which'] or ''}"
    link = HttpConnection(secret)
    if server.endswith("/v1"):
        return TensorFlowServingModel(model, link)
    return OpenInferenceModel(model, server, link)


class ServerAnswer(NamedTuple):
    """What a server answered."""

    status: int
    body: bytes

    @property
    def text(self) -> str:
        """The answer as text."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The answer as JSON.

        Raises
        ------
        ValueError
            If it is none, or nested without end.
        """
        try:
            return json.loads(self.body)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None


class AnswerDeadline:
    """Ends a request that has not been answered in time, even if its answer still trickles.

    Timeouts of a connection count from byte to byte, so that a byte a second never ends.

    Parameters
    ----------
    seconds : float
    streams : iterable
        The connections that the request may go by.
    """

    def __init__(self, seconds: float, streams: Iterable[Any]) -> None:
        self.passed = False
        self._streams = streams
        self._timer = threading.Timer(seconds, self._end_request)
        self._timer.daemon = True

    def __enter__(self) -> "AnswerDeadline":
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _end_request(self) -> None:
        self.passed = True
        for stream in list(self._streams):
            with contextlib.suppress(OSError, AttributeError):
                stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


class HttpConnection:
    """A kept connection to a server, which tries again where that can help.

    Parameters
    ----------
    secret : str
        User and password, as they stand in a URL: the server is told them, and nobody else.
    """

    def __init__(self, secret: str = "") -> None:
        self.httpx = require("httpx", extra="http")
        timeout = self.httpx.Timeout(limit_of("ANSWER_SECONDS"), connect=CONNECT_TIMEOUT)
        self.secret = user_and_password(secret) or ("", "")
        self.client = self.httpx.Client(timeout=timeout, auth=user_and_password(secret))
        self.streams: weakref.WeakSet[Any] = weakref.WeakSet()
        weakref.finalize(self, self.client.close)

    def request_json(
        self, method: str, url: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Any:
        """What the server answers, or an error with the server's own words."""
        answer = self._send_with_retries(method, url, body, headers or {})
        if answer.status != 200:
            raise _server_error(url, f"answered {answer.status}: {self._conceal(_server_message(answer))}")
        try:
            return answer.json()
        except ValueError as error:
            told = self._conceal(answer.text[:200])
            raise _server_error(url, f"did not answer with JSON: {told!r}") from error

    def _conceal(self, told: str) -> str:
        """A server's words without the password, which some say back."""
        coded = base64.b64encode(":".join(self.secret).encode()).decode()
        for word in filter(None, (self.secret[1], quote(self.secret[1], safe=""), coded)):
            told = told.replace(word, HIDDEN) if self.secret[1] else told
        return told

    def _send_with_retries(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> ServerAnswer:
        for wait in WAITS:
            answer = self._send_once(method, url, body, headers, last=False)
            if answer is not None and answer.status not in AGAIN:
                return answer
            time.sleep(wait)
        answer = self._send_once(method, url, body, headers, last=True)
        assert answer is not None
        return answer

    def _send_once(
        self, method: str, url: str, body: bytes, headers: dict[str, str], *, last: bool
    ) -> ServerAnswer | None:
        """The answer, or None where the server could not be reached and more tries are to come."""
        seconds = limit_of("ANSWER_SECONDS")
        watched = {"trace": self._keep_stream}
        deadline = AnswerDeadline(seconds, self.streams)
        try:
            with (
                deadline,
                self.client.stream(method, url, content=body, headers=headers, extensions=watched) as coming,
            ):
                return ServerAnswer(coming.status_code, _read_body(coming.iter_bytes(), url))
        except (self.httpx.ReadTimeout, self.httpx.WriteTimeout) as error:
            raise _slow_server_error(url, seconds) from error
        except self.httpx.TransportError as error:
            if deadline.passed:
                raise _slow_server_error(url, seconds) from error
            if not last:
                return None
            raise _server_error(
                url,
                f"cannot be reached ({type(error).__name__}: {error}), after {len(WAITS) + 1} tries. Is the "
                "server running, and are host and port right?",
            ) from error
        except (self.httpx.HTTPError, self.httpx.InvalidURL) as error:
            told = f"cannot be asked ({type(error).__name__}). Are host and port right?"
            raise _server_error(url, told) from None

    def _keep_stream(self, event: str, told: dict[str, Any]) -> None:
        """Remember the connections, so that a deadline can end them."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self.streams.add(told["return_value"])


def _read_body(chunks: Iterable[bytes], url: str) -> bytes:
    most, read = limit_of("ANSWER_BYTES"), bytearray()
    for chunk in chunks:
        read += chunk
        if len(read) > most:
            raise _server_error(
                url,
                f"answered with more than {most:,} bytes, far more than scores take. "
                f"{overrule_hint('ANSWER_BYTES', 2 * len(read))}",
            )
    return bytes(read)


def _slow_server_error(url: str, seconds: float) -> ModelError:
    return _server_error(
        url,
        f"did not answer within {seconds:g} s. Ask for smaller batches: as_model(url, batch_size=…). "
        f"{overrule_hint('ANSWER_SECONDS', 600)}",
    )


def _server_error(url: str, told: str) -> ModelError:
    return ModelError(f"{without_secrets(url)} {told}", slug="model-server")


class TensorFlowServingModel(Backend):
    """A model served with TensorFlow Serving's REST protocol: images go as JSON, in their own form.

    Parameters
    ----------
    url : str
        Ends in the model's name, or its version or label.
    link : HttpConnection
    """

    is_costly = True

    def __init__(self, url: str, link: HttpConnection) -> None:
        self.url = f"{url}:predict"
        self.link = link

    def __repr__(self) -> str:
        return f"{without_secrets(self.url)}, images given as they are"

    def __call__(self, images: Shaped[np.ndarray, "B ..."]) -> Any:
        body = json.dumps({"instances": images.tolist()}).encode()
        answer = self.link.request_json("POST", self.url, body, {"Content-Type": "application/json"})
        if not isinstance(answer, dict) or "predictions" not in answer:
            raise _server_error(self.url, f"answered without 'predictions': {clip_text(answer)}")
        return answer["predictions"]


class OpenInferenceModel(DeclaredInputModel):
    """A model served with the Open Inference Protocol (KServe V2, Triton).

    The server's metadata tell name, shape and datatype of the input. Images go as raw bytes if the server
    says it takes them or the datatype has no other form (FP16), else as JSON.

    Parameters
    ----------
    url : str
        Ends in the model's name or version.
    server : str
        Ends in ``/v2``: where the server tells what it can do.
    link : HttpConnection
    """

    def __init__(self, url: str, server: str, link: HttpConnection) -> None:
        self.url = url
        self.link = link
        told = self.link.request_json("GET", url)
        self.input = _server_input(told.get("inputs") or [], without_secrets(url))
        outputs = [_server_output(one) for one in told.get("outputs") or []]
        self.answer = choose_output(outputs, without_secrets(url)) if outputs else None
        self.batch_size = self.input.fixed_batch
        self.binary = self.input.dtype == np.float16 or self._takes_bytes(server)

    def _describe(self) -> str:
        return f"{without_secrets(self.url)}, {self.input}"

    def _takes_bytes(self, server: str) -> bool:
        try:
            return "binary_tensor_data" in self.link.request_json("GET", server).get("extensions", [])
        except ModelError:  # a gateway may pass on only the model's own paths
            return False

    def _predict(self, images: Shaped[np.ndarray, "B ..."]) -> Any:
        body, headers = _infer_request(images, self.input.name, self.answer, self.binary)
        answer = self.link.request_json("POST", f"{self.url}/infer", body, headers)
        outputs = answer.get("outputs") if isinstance(answer, dict) else None
        if not outputs:
            raise _server_error(self.url, f"answered without 'outputs': {clip_text(answer)}")
        wanted = self.answer or choose_output(
            [_server_output(one) for one in outputs], without_secrets(self.url)
        )
        return _output_array(
            next((one for one in outputs if one.get("name") == wanted.name), outputs[0]), self.url
        )


def _infer_request(
    images: Shaped[np.ndarray, "B ..."], name: str, answer: DeclaredOutput | None, binary: bool
) -> tuple[bytes, dict[str, str]]:
    tensor: dict[str, Any] = {"name": name, "shape": list(images.shape), "datatype": NAMES[images.dtype]}
    # KServe cannot send an answer whose id is None, as it is where a model hands on that of the request.
    body: dict[str, Any] = {"id": "sightline", "inputs": [tensor]}
    if answer is not None:
        body["outputs"] = [{"name": answer.name}]
    if not binary:
        tensor["data"] = images.ravel().tolist()
        return json.dumps(body).encode(), {"Content-Type": "application/json"}
    raw = images.astype(images.dtype.newbyteorder("<"), copy=False).tobytes()
    tensor["parameters"] = {"binary_data_size": len(raw)}
    head = json.dumps(body).encode()
    length = {"Inference-Header-Content-Length": str(len(head))}
    return head + raw, {"Content-Type": "application/octet-stream", **length}


def _output_array(output: dict[str, Any], url: str) -> Shaped[np.ndarray, "..."]:
    if "data" not in output:
        raise _server_error(url, f"answered without 'data' in its output {output.get('name')!r}.")
    data: Shaped[np.ndarray, "..."] = np.asarray(
        output["data"], dtype=DATATYPES.get(str(output.get("datatype")))
    )
    return data.reshape(output.get("shape", data.shape))


def _server_input(inputs: list[dict[str, Any]], model: str) -> InputSpec:
    if not inputs:  # servers of Python functions often do not declare any
        return InputSpec("input-0", None, None)
    found = [
        (str(one.get("name")), str(one.get("datatype")), declared_shape(one.get("shape"))) for one in inputs
    ]
    return only_input(found, DATATYPES, model)


def _server_output(declared: dict[str, Any]) -> DeclaredOutput:
    datatype = str(declared.get("datatype"))
    kind = "float" if datatype in ("FP16", "FP32", "FP64", "BF16") else datatype
    return DeclaredOutput(str(declared.get("name")), kind, declared_shape(declared.get("shape")))


def _server_message(answer: ServerAnswer) -> str:
    """The server's own words, which are JSON with an "error" if it follows the protocol."""
    try:
        told = answer.json()
    except ValueError:
        return printable_text(clip_text(answer.text))
    return printable_text(clip_text(told.get("error", told) if isinstance(told, dict) else told))
