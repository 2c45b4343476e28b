from typing import Any
class _D(dict):
    def asdict(self): return dict(self)
def openapi_document() -> Any:
    return _D()
