"""The queue: how many requests, and how many bytes of bodies, a worker holds at once before it refuses the
next."""

from service.refusals import overloaded


class Admission:
    """Counts what is held. Used from the event loop's thread alone, so plain integers do."""

    def __init__(self, max_requests: int, max_bytes: int) -> None:
        self._max_requests = max_requests
        self._max_bytes = max_bytes
        self.requests = 0
        self.bytes = 0

    def enter(self) -> None:
        """Count one request more; refused where the queue is full."""
        if self.requests >= self._max_requests:
            raise overloaded(f"{self.requests} requests are being answered already: try again in a second")
        self.requests += 1

    def hold(self, num_bytes: int) -> None:
        """Count `num_bytes` more; refused where that is too much memory."""
        if self.bytes + num_bytes > self._max_bytes:
            raise overloaded("Too many large requests are being received already: try again in a second")
        self.bytes += num_bytes

    def leave(self, num_bytes: int) -> None:
        """Count one request less, which held `num_bytes`."""
        self.requests -= 1
        self.bytes -= num_bytes


class Held:
    """What one request holds while inside `with`, which refuses it where the queue is full."""

    __slots__ = ("_admission", "bytes")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.bytes = 0

    def __enter__(self) -> None:
        self._admission.enter()

    def __exit__(self, *_: object) -> None:
        self._admission.leave(self.bytes)

    def hold(self, num_bytes: int) -> None:
        """Hold `num_bytes` more of the request's body."""
        self._admission.hold(num_bytes)
        self.bytes += num_bytes
