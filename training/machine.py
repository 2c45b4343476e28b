"""What a run computes on: device, precision and threads, chosen by what is there unless told."""

from dataclasses import dataclass
from typing import Literal

import torch

from fashion.errors import InvalidValue

Device = Literal["cpu", "cuda"]
Precision = Literal["bf16", "fp32"]


@dataclass(frozen=True, slots=True)
class Machine:
    """A device and a precision; `bf16` means autocast with weights in fp32."""

    device: Device
    precision: Precision

    @classmethod
    def choose(cls, device: str = "auto", precision: str = "auto", threads: int | None = None) -> "Machine":
        """Resolve `auto`, and set the number of threads for this process.

        Raises InvalidValue for an unknown word or a device that is not there.
        """
        chosen = _choose_device(device)
        if threads is not None:
            if threads < 1:
                raise InvalidValue(f"--threads takes a number from 1 on, not {threads}.", field="--threads")
            torch.set_num_threads(threads)
        return cls(chosen, _choose_precision(precision, chosen))


def _choose_device(device: str) -> Device:
    available = torch.cuda.is_available()
    match device:
        case "auto":
            return "cuda" if available else "cpu"
        case "cpu":
            return "cpu"
        case "cuda" if available:
            return "cuda"
        case "cuda":
            raise InvalidValue(
                "--device cuda was asked for, but no CUDA device is visible here.", field="--device"
            )
        case _:
            raise InvalidValue(f"--device takes auto, cpu or cuda, not {device!r}.", field="--device")


def _choose_precision(precision: str, device: Device) -> Precision:
    match precision:
        case "auto":
            return "bf16" if _computes_bf16(device) else "fp32"
        case "bf16" | "fp32":
            return precision
        case _:
            raise InvalidValue(
                f"--precision takes auto, bf16 or fp32, not {precision!r}.", field="--precision"
            )


def _computes_bf16(device: Device) -> bool:
    """Whether the hardware has bf16 instructions; emulated bf16 is slower than fp32."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.backends.mkldnn.is_available() and torch.cpu._is_avx512_bf16_supported())  # type: ignore[no-untyped-call]  # torch's own gap
