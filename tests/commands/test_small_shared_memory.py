"""A /dev/shm as small as a container's: the training is refused at once, or trains."""

import os
import shutil
import subprocess
import sys

import pytest

PRIVATE = ("unshare", "--mount", "bash", "-c")
LIMIT = 300  # seconds; it would wait for ever


def _may_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    tried = [*PRIVATE, "mount -t tmpfs tmpfs /dev/shm"]
    return subprocess.run(tried, capture_output=True).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not _may_mount(), reason="mounts a /dev/shm of its own: needs Linux and root")
@pytest.mark.parametrize(("size", "status"), [("300k", 1), ("64m", 0)])
def test_a_small_shared_memory_is_one_sentence(root, quick, cache, tmp_path, size, status):
    changed = ("num_workers=2", f"dataset.cache_dir={cache}", f"hydra.run.dir={tmp_path / 'run'}")
    train = [sys.executable, str(root / "src" / "train.py"), *quick, *changed]
    mounted = f'mount -t tmpfs -o size={size} tmpfs /dev/shm && exec "$@"'
    finished = subprocess.run(
        [*PRIVATE, mounted, "bash", *train],
        cwd=root,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )

    assert finished.returncode == status, finished.stderr
    if status:
        (sentence,) = finished.stderr.splitlines()
        assert sentence.startswith("error: /dev/shm has 0 MiB free, and the batches of 2 loader")
        assert sentence.endswith("--ipc=host, or set num_workers=0.")
