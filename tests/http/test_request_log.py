"""What the log says of requests: a line of JSON for each if wanted, and its id wherever it is spoken of."""

import asyncio
import contextvars
import json
import logging
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fashion.classifier import Classifier
from fashion.preparation import Prepared
from service import request_log
from service.admission import Admission, Held
from service.catalogue import Served
from service.exchange import Exchange
from service.trial import Shadow
from service.work import Work
from tests.http.conftest import Serve, serving
from tests.http.pictures import parts, picture
from tests.http.tensors import CLASSIFIER, images, infer, tensor
from tests.http.test_models_in_motion import eventually
from tests.stores import publish_tiny, store_at
from tests.tiny_artifacts import tiny_classifier

TRACE = "0af7651916cd43dd8448eb211c80319c"


def lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The lines of JSON on the process's standard output since the last look."""
    return [json.loads(line) for line in capfd.readouterr().out.splitlines() if line.startswith("{")]


def test_nothing_is_written_of_requests_unless_it_is_wanted(serve: Serve, capfd: pytest.CaptureFixture[str]):
    with serve() as client:
        client.get("/livez")
    assert lines(capfd) == []


def test_each_request_is_one_line_that_says_what_became_of_it(
    serve: Serve, capfd: pytest.CaptureFixture[str]
):
    with serve(access_log="json") as client:
        files = parts(picture(), picture((40, 40), "RGB"))
        headers = {"X-Request-ID": "mine-1", "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
        answer = client.post("/classify", files=files, headers=headers)
        refused = client.post("/classify", content=b"no picture", headers={"Content-Type": "image/png"})
        client.get("/nothing")
        infer(client, CLASSIFIER, tensor(images(3)))
        client.post("/generate", json={"count": 5})
    said, refusal, unknown, tensors, generated = lines(capfd)
    assert datetime.fromisoformat(said.pop("time")).tzinfo
    assert 0 < said.pop("seconds") < 60
    assert said == {
        "request_id": "mine-1",
        "method": "POST",
        "route": "/classify",
        "status": 200,
        "bytes_in": len(answer.request.content),
        "bytes_out": len(answer.content),
        "pictures": 2,
        "model": answer.json()["model"],
        "prepared_as": "mixed",
        "trace_id": TRACE,
        "refusal": None,
    }
    assert refusal["status"] == 422
    assert refusal["refusal"] == "invalid_image"
    assert refusal["request_id"] == refused.headers["x-request-id"]
    assert refusal["bytes_out"] == len(refused.content)
    assert (unknown["status"], unknown["route"], unknown["refusal"]) == (404, "other", "not_found")
    assert (tensors["route"], tensors["pictures"]) == ("/v2/models/{name}/infer", 3)
    assert (tensors["model"], tensors["prepared_as"]) == ("fashion-classifier:v1", "network_input")
    assert (generated["pictures"], generated["prepared_as"]) == (5, None)
    assert generated["trace_id"] is None


def test_no_body_key_path_or_query_string_is_ever_logged(serve: Serve, capfd: pytest.CaptureFixture[str]):
    with serve(access_log="json", api_keys="someone:the-secret-key-of-someone") as client:
        secret = {
            "X-API-Key": "the-secret-key-of-someone",
            "Authorization": "Bearer the-secret-token",
            "Cookie": "session=the-secret-cookie",
            "User-Agent": "the-secret-agent",
            "traceparent": "the-secret-trace",
            "X-Request-ID": "the secret id, which is not well-formed",
        }
        client.post("/classify?prepare=the-secret-option", content=b"the-secret-body", headers=secret)
        client.post("/classify", json={"images": ["the-secret-picture"]}, headers=secret)
        client.request("THE-SECRET-METHOD-THAT-IS-FAR-TOO-LONG", "/the-secret-path", headers=secret)
    written = capfd.readouterr()
    assert written.out.count("\n") >= 3
    assert "secret" not in (written.out + written.err).lower().replace("the-secret-method-th", "")


def test_a_line_that_cannot_be_written_harms_no_request(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    full = os.open("/dev/full", os.O_WRONLY)
    monkeypatch.setattr(request_log, "_STANDARD_OUTPUT", full)
    try:
        with serve(access_log="json") as client:
            assert client.post("/classify", files=parts(picture())).status_code == 200
    finally:
        os.close(full)


def test_what_is_logged_while_a_request_is_answered_names_it(home: Path, caplog: pytest.LogCaptureFixture):
    with store_at(home):
        publish_tiny(home, "v1", seed=1)
        publish_tiny(home, "v2", seed=2, alias=False)
        damaged = home / "models" / CLASSIFIER / "v2" / "classifier.onnx"
        damaged.chmod(0o644)
        damaged.write_bytes(damaged.read_bytes()[:-1])
        with serving() as client:
            headers = {"X-Request-ID": "asks-for-a-damaged-one"}
            options = {"model": f"{CLASSIFIER}:v2"}
            answer = client.post("/classify", files=parts(picture()), data=options, headers=headers)
            assert answer.status_code == 503
            client.get("/livez")
    (record,) = (record for record in caplog.records if "cannot be served" in record.getMessage())
    assert record.getMessage().endswith("[request asks-for-a-damaged-one]")
    others = [one for one in caplog.records if one is not record]
    assert not any("[request" in one.getMessage() for one in others)


def test_a_job_in_a_thread_names_its_request_too(caplog: pytest.LogCaptureFixture):
    request_log.name_requests_in_log()
    work = Work(threads=1, max_jobs_held=4)

    def job(inline: bool) -> None:
        logging.getLogger("job").warning("at %s%% inline %s", 50, inline)

    async def answer(name: str) -> None:
        async def never() -> dict[str, str]:
            await asyncio.sleep(60)
            return {}

        request_log.request_id.set(name.encode())
        scope = {"headers": [(b"x-request-id", name.encode())], "path": "/classify"}
        exchange = Exchange.of(scope, never, Held(Admission(10, 10)))
        await work.run(exchange, job, small=False)

    async def both() -> None:
        await asyncio.gather(answer("first"), answer("second"))

    asyncio.run(both())
    work.close()
    assert sorted(record.getMessage() for record in caplog.records if record.name == "job") == [
        "at 50% inline False [request first]",
        "at 50% inline False [request second]",
    ]


def test_a_candidate_that_fails_on_a_copy_names_the_request(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    request_log.name_requests_in_log()
    classifier = Classifier(tiny_classifier(tmp_path / "artifact"))
    unusable = [Prepared(np.zeros((27, 28), np.uint8), "network_input")]
    shadow = Shadow(16)
    contextvars.copy_context().run(_offer, shadow, Served(CLASSIFIER, "v2", classifier), unusable)
    eventually(lambda: "failed on a copy" in caplog.text)
    shadow.close()
    (record,) = (record for record in caplog.records if "failed on a copy" in record.getMessage())
    assert record.getMessage().endswith("[request copied]")


def _offer(shadow: Shadow, candidate: Served, pictures: list[Prepared]) -> None:
    request_log.request_id.set(b"copied")
    shadow.offer(f"{CLASSIFIER}:v1", candidate, pictures, [])
