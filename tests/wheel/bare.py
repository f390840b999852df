"""The wheel as `pip install vcf-tasks-async` brings it, without extras. Run outside of the checkout."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path


def main() -> None:
    for module in ("vcf_tasks_async", "vcf_tasks_async.testing"):
        package = importlib.import_module(module)
        # Not those of the checkout, which lies above this file.
        here = Path(package.__file__ or "")
        assert "site-packages" in here.parts, here
        print(len([getattr(package, name) for name in package.__all__]), f"public names in {module}")
    assert (Path(importlib.import_module("vcf_tasks_async").__file__ or "").parent / "py.typed").is_file()

    ran = subprocess.run(
        [Path(sys.executable).parent / "vcf-tasks", "demo"], capture_output=True, text=True, check=False
    )
    print(ran.stderr.strip())
    assert ran.returncode == 2
    assert "pip install 'vcf-tasks-async[cli]'" in ran.stdout + ran.stderr


if __name__ == "__main__":
    main()
