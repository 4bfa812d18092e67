"""Served models, against a server process that speaks the published protocols."""

import contextlib
import gc
import gzip
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from sightline.adapters import as_model, http
from sightline.errors import FileError, ModelError
from support.linear import Linear, random_images
from support.scripts import command, environment

SHAPE = (5, 7, 3)
IMAGES = random_images(4, SHAPE, "float32")


def refusal(url: str, images: np.ndarray = IMAGES) -> str:
    with pytest.raises(ModelError) as caught:
        as_model(url)(images)
    return str(caught.value)


def seen(server: str) -> dict[str, int]:
    told: dict[str, int] = httpx.get(f"{server}/seen").json()
    return told


# V2


def test_input_name_datatype_and_layout_come_from_the_servers_metadata(server: str, linear: Linear) -> None:
    for name, given in (
        ("flat", "(105,) float32"),
        ("nchw", "(3, 5, 7) float32"),
        ("half", "(5, 7, 3) float16"),
        ("pairs", "(5, 7, 3) float64"),
    ):
        model = as_model(f"{server}/v2/models/{name}")
        np.testing.assert_allclose(model(IMAGES), linear(IMAGES), atol=1e-3)
        assert f"images (5, 7, 3) float32 given as {given}, values not scaled" in repr(model)
    assert as_model(f"{server}/v2/models/pairs").batch_size == 2


def test_bytes_are_sent_raw_where_the_server_takes_them_so(server: str, linear: Linear) -> None:
    images = random_images(3, SHAPE, "uint8")
    before = seen(server)
    np.testing.assert_allclose(as_model(f"{server}/v2/models/bytes")(images), linear(images), atol=1e-5)
    between = seen(server)
    np.testing.assert_allclose(as_model(f"{server}/plain/v2/models/bytes")(images), linear(images), atol=1e-5)
    after = seen(server)
    assert between["binary"] == before.get("binary", 0) + 1
    assert after["binary"] == between["binary"]
    assert after["json"] == between.get("json", 0) + 1


def test_half_floats_are_sent_raw_even_where_the_server_does_not_say_so(server: str, linear: Linear) -> None:
    model = as_model(f"{server}/plain/v2/models/half")
    np.testing.assert_allclose(model(IMAGES), linear(IMAGES), atol=1e-3)


def test_a_server_that_declares_nothing_gets_the_images_as_they_are(server: str, linear: Linear) -> None:
    model = as_model(f"{server}/v2/models/undeclared")
    np.testing.assert_allclose(model(IMAGES), linear(IMAGES), atol=1e-5)
    assert "input 'input-0' of any shape, images (5, 7, 3) float32 given as they are" in repr(model)
    np.testing.assert_allclose(model(IMAGES.astype(">f4")), linear(IMAGES), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nobody", "/v2/models/nobody answered 404: Request for unknown model: 'nobody' is not found [model"),
        ("classes", "this returns classes, not scores: one column of whole numbers (int64)."),
        (
            "twins",
            "/v2/models/twins has 2 outputs, and it is not clear which holds the scores: 'scores' (float,",
        ),
        ("text", "/v2/models/text takes BYTES, which is not an image."),
        (
            "broken",
            "/v2/models/broken/infer answered 500: Internal Server Error: out of memory [model-server]",
        ),
        ("empty", "/v2/models/empty answered without 'outputs': {} [model-server]"),
        (
            "page",
            "/v2/models/page/infer did not answer with JSON: '<html>log in first</html>' [model-server]",
        ),
    ],
)
def test_what_a_v2_server_says_against_it_is_passed_on(server: str, name: str, told: str) -> None:
    assert told in refusal(f"{server}/v2/models/{name}")


def test_an_image_that_does_not_fit_is_refused_before_it_is_sent(server: str) -> None:
    before = seen(server)
    told = refusal(f"{server}/v2/models/nchw", random_images(2, (9, 9, 3), "float32"))
    assert "takes images of 5×7×3 (input 'pixels' of shape (?, 3, 5, 7)), but this image is 9×9×3." in told
    assert "takes uint8, but the images are float32" in refusal(f"{server}/v2/models/bytes")
    assert seen(server) == before


# V1


@pytest.mark.parametrize(
    "path", ["linear", "linear:predict", "linear/versions/1", "linear/versions/1:predict"]
)
def test_v1_sends_instances_and_reads_predictions(server: str, linear: Linear, path: str) -> None:
    model = as_model(f"{server}/v1/models/{path}")
    np.testing.assert_allclose(model(IMAGES), linear(IMAGES), atol=1e-9)
    assert f"/v1/models/{path.removesuffix(':predict')}:predict, images given as they are; 3" in repr(model)


@pytest.mark.parametrize(
    ("name", "images", "told"),
    [
        ("missing", IMAGES, "answered 404: Servable not found for request: Latest(missing) [model-server]"),
        ("strict", IMAGES[..., 0], "answered 400: input must be 4-dimensional [4,5,7] [model-server]"),
        ("wordless", IMAGES, "answered without 'predictions': {'outputs': []} [model-server]"),
        ("parts", IMAGES, "for each image a dict with the keys 'scores', 'classes'"),
    ],
)
def test_what_a_v1_server_says_against_it_is_passed_on(
    server: str, name: str, images: Any, told: str
) -> None:
    assert told in refusal(f"{server}/v1/models/{name}", images)


# Trouble on the way


def test_a_server_that_is_starting_is_asked_again(server: str, linear: Linear) -> None:
    model = as_model(f"{server}/v2/models/starting")
    np.testing.assert_allclose(model(IMAGES), linear(IMAGES), atol=1e-5)
    assert seen(server)["starting"] == len(http.WAITS)


def test_a_server_that_never_comes_up_is_an_error_with_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "WAITS", (0.01, 0.01))
    with pytest.raises(ModelError) as caught:
        as_model("http://127.0.0.1:9/v2/models/net")
    assert str(caught.value).startswith("http://127.0.0.1:9/v2/models/net cannot be reached (ConnectError: ")
    assert "after 3 tries. Is the server running, and are host and port right? [model-server]" in str(
        caught.value
    )


def test_an_answer_that_takes_too_long_is_an_error(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTLINE_MAX_ANSWER_SECONDS", "1")
    told = refusal(f"{server}/v2/models/slow")
    assert (
        "/v2/models/slow/infer did not answer within 1 s. Ask for smaller batches: as_model(url, batch"
        in told
    )


@pytest.mark.parametrize(
    "url",
    [
        "http://host",
        "http://host/v3/models/net",
        "https://host/v2/models/",
        "http://host/v1/models/a:classify",
    ],
)
def test_a_url_of_no_known_form_is_refused_with_the_forms(url: str) -> None:
    with pytest.raises(FileError) as caught:
        as_model(url)
    assert str(caught.value) == (
        f"{url!r} is not the URL of a model. It has to be http://host:port/v2/models/NAME (KServe V2, "
        "Triton) or http://host:port/v1/models/NAME (TensorFlow Serving, KServe V1), with /versions/N after "
        "it where wanted. [model-url]"
    )


def test_a_password_is_never_shown(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = server.replace("://", "://ann:s3cret@")
    model = as_model(f"{secret}/v1/models/linear")
    assert "s3cret" not in repr(model) + refusal(f"{secret}/v1/models/missing")
    monkeypatch.setattr(http, "WAITS", ())
    assert "s3cret" not in refusal("http://ann:s3cret@127.0.0.1:9/v1/models/net")
    with pytest.raises(FileError) as caught:
        as_model(f"{secret}/somewhere")
    assert "s3cret" not in str(caught.value)


@pytest.mark.slow
def test_connections_are_closed_with_the_model(server: str) -> None:
    model = as_model(f"{server}/v1/models/linear")
    model(IMAGES)
    client = model.backend.link.client  # type: ignore[attr-defined]
    assert not client.is_closed
    del model
    gc.collect()
    assert client.is_closed


def test_the_server_process_ends_with_the_one_that_started_it(weights: Path) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command("serve", weights), env=environment(), **pipes) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline().strip().isdigit()
        process.stdin.close()
        assert process.wait(10) == 0


def serve_raw(answer: Callable[[socket.socket], None]) -> tuple[str, socket.socket]:
    """The URL of a server that answers each request by a function."""
    listening = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                taken, _ = listening.accept()
                with taken, contextlib.suppress(OSError):
                    taken.recv(65536)
                    answer(taken)

    threading.Thread(target=accept, daemon=True).start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}/v1/models/m", listening


def trickle(head: bytes) -> Callable[[socket.socket], None]:
    def answer(to: socket.socket) -> None:
        to.sendall(head)
        for _ in range(200):
            to.sendall(b"a")
            time.sleep(0.05)

    return answer


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize("head", [HEAD + b"Content-Length: 999\r\n\r\n", HEAD + b"X: "], ids=["body", "head"])
def test_an_answer_that_trickles_ends_in_time(head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTLINE_MAX_ANSWER_SECONDS", "1")
    url, listening = serve_raw(trickle(head))
    began = time.monotonic()
    with listening:
        told = refusal(url)
    assert "did not answer within 1 s" in told
    assert "SIGHTLINE_MAX_ANSWER_SECONDS" in told
    assert time.monotonic() - began < 9  # all of it would take 10


@pytest.mark.parametrize("packed", [False, True])
def test_a_huge_answer_is_not_taken_in(packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTLINE_MAX_ANSWER_BYTES", "100000")
    body = gzip.compress(bytes(50_000_000)) if packed else bytes(200_000)
    coding = b"Content-Encoding: gzip\r\n" if packed else b""
    head = HEAD + coding + f"Content-Length: {len(body)}\r\n\r\n".encode()
    url, listening = serve_raw(lambda to: to.sendall(head + body))
    with listening:
        told = refusal(url)
    assert "answered with more than 100,000 bytes" in told


def test_an_answer_that_is_nested_without_end_is_no_json() -> None:
    body = b"[" * 100_000
    head = HEAD + f"Content-Length: {len(body)}\r\n\r\n".encode()
    url, listening = serve_raw(lambda to: to.sendall(head + body))
    with listening:
        assert "did not answer with JSON" in refusal(url)
