"""Print the installed versions as a requirements file; packages of one platform carry its marker."""

import importlib.metadata
import re
import sys

LINUX_X86 = "sys_platform == 'linux' and platform_machine == 'x86_64'"
ELSEWHERE = "sys_platform != 'linux' or platform_machine != 'x86_64'"
# CUDA libraries, and what only exists for one platform.
PLATFORM = re.compile(r"^(nvidia-.*|cuda-.*|triton|faiss-gpu)$")
POSIX = {"uvloop", "gunicorn", "ptyprocess", "pexpect"}
OWN = {"simcore", "pip", "wheel"}


def main() -> None:
    """Write one line a distribution."""
    lines = []
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"].lower().replace("_", "-")
        if name in OWN:
            continue
        marker = ""
        if PLATFORM.match(name):
            marker = f" ; {LINUX_X86}"
        elif name in POSIX:
            marker = " ; sys_platform != 'win32'"
        lines.append(f"{name}=={distribution.version}{marker}")
        if name == "faiss-gpu":
            lines.append(f"faiss-cpu=={distribution.version} ; {ELSEWHERE}")
    sys.stdout.write(
        "# Written by `make lock` from pyproject.toml; do not edit.\n" + "\n".join(sorted(set(lines))) + "\n"
    )


if __name__ == "__main__":
    main()
