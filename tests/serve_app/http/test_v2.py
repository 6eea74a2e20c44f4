"""The Open Inference Protocol, spoken by its own clients and by malformed requests."""

from __future__ import annotations

import json

import numpy as np
import pytest
from starlette.testclient import TestClient

from tests.serve_app.servers import bar, listening, open_server

INFER = "/v2/models/fake/infer"
IMAGES = np.stack([bar(9), bar(8), bar(9)])


@pytest.fixture(scope="module")
def server():
    with open_server(rows=100) as client:
        yield client


def test_the_triton_client_as_it_comes() -> None:
    from tritonclient import http
    from tritonclient.utils import InferenceServerException

    with listening() as port, http.InferenceServerClient(f"127.0.0.1:{port}") as client:
        assert client.is_server_live() and client.is_server_ready()
        assert client.is_model_ready("fake") and client.is_model_ready("fake", "1")
        assert not client.is_model_ready("fake", "2") and not client.is_model_ready("nobody")
        assert client.get_server_metadata()["name"] == "inkray"
        metadata = client.get_model_metadata("fake")
        assert metadata["inputs"] == [{"name": "images", "datatype": "UINT8", "shape": [-1, 28, 28]}]
        assert client.get_model_repository_index()[0]["name"] == "fake"
        for binary in (True, False):
            tensor = http.InferInput("images", list(IMAGES.shape), "UINT8")
            tensor.set_data_from_numpy(IMAGES, binary_data=binary)
            requested = [http.InferRequestedOutput(name, binary_data=binary) for name in ("labels", "probabilities")]
            for outputs in (requested, None):
                result = client.infer("fake", [tensor], outputs=outputs, request_id="mine")
                labels = [text.decode() if isinstance(text, bytes) else text for text in result.as_numpy("labels")]
                assert labels == ["9", "8", "9"]
                assert result.as_numpy("probabilities").shape == (3, 10)
                assert result.get_response()["id"] == "mine"
        with pytest.raises(InferenceServerException, match="There is no model 'nobody'"):
            client.infer("nobody", [tensor])


def request(**changes: object) -> dict:
    tensor = {"name": "images", "datatype": "UINT8", "shape": [1, 28, 28], "data": bar(9).ravel().tolist(), **changes}
    return {"inputs": [tensor]}


def test_plain_json_as_curl_sends_it(server: TestClient) -> None:
    answer = server.post(INFER, json=request()).json()
    assert (answer["model_name"], answer["model_version"]) == ("fake", "1")
    outputs = {one["name"]: one for one in answer["outputs"]}
    assert outputs["labels"]["data"] == ["9"]
    assert outputs["probabilities"]["shape"] == [1, 10]
    nested = request(data=[bar(9).tolist()])
    assert server.post("/v2/models/fake/versions/1/infer", json=nested).json() == answer


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "x"}, 'it must be "images"'),
        ({"datatype": "FP32"}, "must be UINT8"),
        ({"shape": [1, 784]}, "[N, 28, 28]"),
        ({"shape": [0, 28, 28], "data": []}, "[N, 28, 28]"),
        ({"shape": [-1, 28, 28]}, "[N, 28, 28]"),
        ({"shape": [True, 28, 28]}, "[N, 28, 28]"),
        ({"shape": None}, "[N, 28, 28]"),
        ({"shape": [2, 28, 28]}, "784 pixels"),
        ({"data": [256] * 784}, "0 to 255"),
        ({"data": [-1] * 784}, "0 to 255"),
        ({"data": [0.5] * 784}, "0 to 255"),
        ({"data": ["a"] * 784}, "0 to 255"),
        ({"data": [[1], [1, 2]]}, "must be numbers"),
        ({"data": None}, "0 to 255"),
        ({"parameters": []}, "must be an object"),
        ({"parameters": {"binary_data_size": 784}}, "0 bytes follow"),
    ],
)
def test_a_tensor_that_is_none(server: TestClient, changes: dict, words: str) -> None:
    answer = server.post(INFER, json=request(**changes))
    assert answer.status_code == 400
    assert words in answer.json()["error"]


@pytest.mark.parametrize(
    ("header", "size", "rest", "words"),
    [
        ("9999999", 784, 784, "Inference-Header-Content-Length"),
        ("-1", 784, 784, "Inference-Header-Content-Length"),
        ("²", 784, 784, "Inference-Header-Content-Length"),
        (None, 784, 700, "700 bytes"),
        (None, -1, 784, "binary_data_size is -1"),
        (None, "784", 784, "binary_data_size is '784'"),
        (None, 10**30, 784, "binary_data_size"),
    ],
)
def test_bytes_that_are_not_what_the_header_says(
    server: TestClient, header: str | None, size: object, rest: int, words: str
) -> None:
    tensor = {"name": "images", "datatype": "UINT8", "shape": [1, 28, 28], "parameters": {"binary_data_size": size}}
    head = json.dumps({"inputs": [tensor]}).encode()
    length = (header or str(len(head))).encode()
    answer = server.post(INFER, content=head + bytes(rest), headers={b"Inference-Header-Content-Length": length})
    assert answer.status_code == 400
    assert words in answer.json()["error"]


def test_text_that_no_utf8_can_hold_is_refused_and_not_repeated(server: TestClient) -> None:
    answer = server.post(INFER, content=json.dumps({**request(), "id": "\ud800"}))
    assert answer.status_code == 400
    assert "not valid JSON" in answer.json()["error"]


def test_more_rows_than_a_request_may_hold(server: TestClient) -> None:
    answer = server.post(INFER, json=request(shape=[101, 28, 28]))
    assert answer.status_code == 413
    assert "send at most 100" in answer.json()["error"]


def test_a_version_that_is_not_served(server: TestClient) -> None:
    answer = server.post("/v2/models/fake/versions/9/infer", json=request())
    assert (answer.status_code, answer.json()["error"].partition(" [")[0]) == (
        404,
        "fake is served in version 1, not 9.",
    )
