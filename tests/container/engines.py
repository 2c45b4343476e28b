"""Containers on whichever engine is here: docker, or buildah's images in a box of Linux namespaces.

Buildah builds images, but `buildah run` starts them with a writable root and among the host's processes. The
box is made with `unshare` instead: own processes, a read-only root, an empty /tmp, the image's user. It needs
root.
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

STOP_SECONDS = 60

# Where a store of this machine is mounted, read-only.
STORE = "/store"

# What a container engine mounts into a container. $0 is the root, $1 the store or nothing, then the command.
BOX = """
store=$1
shift
: >> "$0/etc/hosts"
mount --bind "$0" "$0"
mount --bind /etc/hosts "$0/etc/hosts"
if [ -n "$store" ]; then
    mkdir -p "$0$BOX_STORE"
    mount --bind "$store" "$0$BOX_STORE"
    mount -o remount,bind,ro "$0$BOX_STORE"
fi
mount -o remount,bind,ro "$0"
mount -t proc proc "$0/proc"
mount --rbind /dev "$0/dev"
mount --rbind /sys "$0/sys"
mount -t tmpfs -o size=64m,mode=1777 tmpfs "$0/tmp"
exec setpriv --no-new-privs chroot --userspec="$BOX_USER" --groups="${BOX_USER#*:}" "$0" /usr/bin/env -i "$@"
"""
UNSHARE = ["unshare", "--mount", "--pid", "--ipc", "--fork", "sh", "-ec", BOX]


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class Container(Protocol):
    """A running container, its service published on the loopback interface."""

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command inside, as the image's user."""
        ...

    def terminate(self) -> None:
        """Send SIGTERM to the container's first process."""
        ...

    def exit_code(self) -> int:
        """Wait until the container has ended and tell its exit code."""
        ...

    def is_running(self) -> bool:
        """Whether the container's first process lives."""
        ...

    def logs(self) -> str:
        """What the container has written so far."""
        ...

    def remove(self) -> None:
        """End the container, whatever its state, and leave nothing of it."""
        ...


class Engine(Protocol):
    """Something that keeps images and starts containers."""

    def num_bytes(self, image: str) -> int:
        """The image's size, unpacked."""
        ...

    def health_check(self, image: str) -> list[str]:
        """The command with which the image checks its own health."""
        ...

    def start(
        self, image: str, port: int, environment: Mapping[str, str], store: Path | None = None
    ) -> Container:
        """Start `image` with a read-only root, nothing writable but /tmp, its service at 127.0.0.1:`port`.

        The folder `store` is mounted read-only at STORE.
        """
        ...

    def remove(self, image: str) -> None:
        """Delete the image."""
        ...


def engine() -> Engine | None:
    """The engine of this machine, which docker/build chooses too; None where there is none."""
    if shutil.which("docker") and subprocess.run(["docker", "info"], capture_output=True).returncode == 0:
        return Docker()
    tools = ("buildah", "unshare", "nsenter")
    return Buildah() if os.geteuid() == 0 and all(map(shutil.which, tools)) else None


class Docker:
    """A Docker engine."""

    def num_bytes(self, image: str) -> int:
        """See Engine."""
        return int(_output("docker", "image", "inspect", "--format", "{{.Size}}", image))

    def health_check(self, image: str) -> list[str]:
        """See Engine."""
        return _command(json.loads(_output("docker", "image", "inspect", image))[0]["Config"])

    def start(
        self, image: str, port: int, environment: Mapping[str, str], store: Path | None = None
    ) -> Container:
        """See Engine."""
        settings = [f"--env={name}={value}" for name, value in environment.items()]
        mounts = [f"--volume={store}:{STORE}:ro"] if store else []
        box = ["--read-only", "--tmpfs=/tmp:size=64m", "--cap-drop=ALL", "--security-opt=no-new-privileges"]
        publish = f"--publish=127.0.0.1:{port}:3000"
        return DockerContainer(_output("docker", "run", "--detach", *box, publish, *mounts, *settings, image))

    def remove(self, image: str) -> None:
        """See Engine."""
        _output("docker", "image", "rm", "--force", image)


class DockerContainer:
    """A container of a Docker engine."""

    def __init__(self, name: str) -> None:
        self._name = name

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """See Container."""
        return subprocess.run(["docker", "exec", self._name, *command], capture_output=True, text=True)

    def terminate(self) -> None:
        """See Container."""
        _output("docker", "kill", "--signal=TERM", self._name)

    def exit_code(self) -> int:
        """See Container."""
        return int(_output("docker", "wait", self._name))

    def is_running(self) -> bool:
        """See Container."""
        return _output("docker", "inspect", "--format", "{{.State.Running}}", self._name) == "true"

    def logs(self) -> str:
        """See Container."""
        done = subprocess.run(["docker", "logs", self._name], capture_output=True, text=True)
        return done.stdout + done.stderr

    def remove(self) -> None:
        """See Container."""
        _output("docker", "rm", "--force", self._name)


class Buildah:
    """Buildah's images, and boxes made of namespaces."""

    def num_bytes(self, image: str) -> int:
        """See Engine."""
        container, root = _unpacked(image)
        try:
            return int(_output("du", "-x", "--summarize", "--block-size=1", str(root)).split()[0])
        finally:
            _output("buildah", "rm", container)

    def health_check(self, image: str) -> list[str]:
        """See Engine."""
        return _command(_configuration(image))

    def start(
        self, image: str, port: int, environment: Mapping[str, str], store: Path | None = None
    ) -> Container:
        """See Engine."""
        return Box(image, {**environment, "BENTOML_PORT": str(port)}, store)

    def remove(self, image: str) -> None:
        """See Engine."""
        _output("buildah", "rmi", "--force", image)


class Box:
    """An image started in namespaces of its own."""

    def __init__(self, image: str, environment: Mapping[str, str], store: Path | None) -> None:
        self._container, root = _unpacked(image)
        configuration = _configuration(image)
        self._user = configuration["User"]
        self._inside = [
            f"--chdir={configuration['WorkingDir']}",
            *configuration["Env"],
            *(f"{name}={value}" for name, value in environment.items()),
        ]
        command = [*configuration["Entrypoint"], *configuration["Cmd"]]
        self._log = Path(tempfile.mkstemp(suffix=".log")[1])
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*UNSHARE, str(root), str(store or ""), *self._inside, *command],
                env={**os.environ, "BOX_USER": self._user, "BOX_STORE": STORE},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """See Container."""
        user, _, group = self._user.partition(":")
        enter = ["nsenter", f"--target={self._first_process()}", "--mount", "--pid", "--ipc", "--root"]
        box = [f"--setuid={user}", f"--setgid={group}", "/usr/bin/env", "-i", *self._inside]
        return subprocess.run([*enter, *box, *command], capture_output=True, text=True)

    def terminate(self) -> None:
        """See Container."""
        os.kill(self._first_process(), signal.SIGTERM)

    def exit_code(self) -> int:
        """See Container."""
        return self._process.wait(STOP_SECONDS)

    def is_running(self) -> bool:
        """See Container."""
        return self._process.poll() is None

    def logs(self) -> str:
        """See Container."""
        return self._log.read_text(errors="replace")

    def remove(self) -> None:
        """See Container."""
        # Its first process itself: nothing ends it when `unshare` ends.
        if self.is_running():
            os.kill(self._first_process(), signal.SIGKILL)
        self._process.wait(STOP_SECONDS)
        _output("buildah", "rm", self._container)
        self._log.unlink()

    def _first_process(self) -> int:
        """The container's process 1, by its number outside."""
        return int(Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text())


def _unpacked(image: str) -> tuple[str, Path]:
    """A working container of `image`, and the folder that its file system is mounted at."""
    container = _output("buildah", "from", "--pull-never", image)
    return container, Path(_output("buildah", "mount", container))


def _configuration(image: str) -> dict:
    return json.loads(_output("buildah", "inspect", "--type", "image", image))["Docker"]["config"]


def _command(configuration: Mapping[str, Mapping[str, Sequence[str]]]) -> list[str]:
    kind, *command = configuration["Healthcheck"]["Test"]
    assert kind == "CMD"
    return command
