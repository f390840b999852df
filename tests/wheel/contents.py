"""`python tests/wheel/contents.py WHEEL`, in the checkout: it holds the whole package and nothing else."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path


def main(wheel: str) -> int:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        notes = {Path(name).name for name in archive.namelist() if ".dist-info/" in name}
    due = {
        path.as_posix()
        for path in Path("vcf_tasks_async").rglob("*")
        if path.is_file() and path.suffix not in (".pyc", ".pyo")
    }
    for what, names in (("missing", due - held), ("not due", held - due), ("no", {"LICENSE"} - notes)):
        for name in sorted(names):
            print(f"{what}: {name}", file=sys.stderr)
    print(f"{len(held)} files in {Path(wheel).name}")
    return int(held != due or "LICENSE" not in notes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
