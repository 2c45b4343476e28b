"""What schemathesis makes of the service's own /docs.json, and whether the answers are what it says."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok

from benchmarks.fuzz.pictures import pictures
from benchmarks.fuzz.target import Findings

# Each holds for every answer: the status, the media type, the headers and the body are ones that were told,
# and what the document forbids is refused. That all is accepted which it allows cannot be asked: of a picture
# it says no more than that it is one.
_CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)
_ACCEPTED: Final = "Schema-violating request accepted"
_REFUSED_ALL_THE_SAME: Final = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE,)  # which schemathesis does not expect
_PLAIN_REQUESTS: Final = 20  # to an operation without a body, in either mode
_TIMEOUT_SECONDS: Final = 60.0

Explore = Callable[[st.SearchStrategy[Any], Callable[[Any], None], int], None]


def fuzz_document(port: int, findings: Findings, num_requests: int, explore: Explore) -> None:
    """Send about `num_requests`, half of them as the document says and half not.

    Each operation that takes something gets as many as the others, and one that takes nothing a few.
    """
    for media_type in ("image/*", "application/octet-stream"):
        schemathesis.openapi.media_type(media_type, pictures())
    base_url = f"http://127.0.0.1:{port}"
    schema = schemathesis.openapi.from_url(f"{base_url}/docs.json")
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    checks = CHECKS.get_by_names(list(_CHECKS))
    with requests.Session() as session:

        def send(case: Any) -> None:
            response = case.call(base_url=base_url, session=session, timeout=_TIMEOUT_SECONDS)
            findings.count("document", response.status_code)
            try:
                case.validate_response(response, checks=checks)
            except (Failure, FailureGroup) as failure:
                for one in getattr(failure, "exceptions", [failure]):
                    if one.title == _ACCEPTED and response.status_code in _REFUSED_ALL_THE_SAME:
                        continue
                    findings.complain(
                        f"document: {case.operation.label}: {one.title}", f"{one} {_told(case)}"
                    )

        open_ended = [operation for operation in operations if operation.body]
        each = max(num_requests // (2 * len(open_ended)), 1)
        for operation in operations:
            count = each if operation.body else min(each, _PLAIN_REQUESTS)
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                explore(operation.as_strategy(mode), send, count)


def _told(case: Any) -> str:
    return str(case.as_curl_command())[:1000]
