"""Plants each bug of this folder in a copy of the kernel and says which seed of the simulation, or which test, finds it.

A patch is a unified diff against host/kernel/src; its first line says what is wrong. The exit status is 1 if a bug survives, if a
patch does not apply, or if what it makes does not build. Names on the command line are the bugs to plant; otherwise all are.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
KERNEL = HERE.parent.parent
ROOT = KERNEL.parent.parent
SEEDS = os.environ.get("SIM_SEEDS", "3000")


def workspace(folder):
    """A workspace that has the kernel for its only member."""
    manifest = (ROOT / "Cargo.toml").read_text()
    manifest = re.sub(r"^members = .*$", 'members = ["host/kernel"]', manifest, flags=re.M)
    manifest = re.sub(r"^default-members = .*$", "", manifest, flags=re.M)
    # A bug is a bug whether or not the compiler has a word to say about it.
    (folder / "Cargo.toml").write_text(manifest.replace('missing_docs = "warn"', 'missing_docs = "allow"'))
    shutil.copy(ROOT / "Cargo.lock", folder / "Cargo.lock")
    shutil.copytree(KERNEL, folder / "host" / "kernel")


def cargo(folder, *arguments, **environment):
    environment = {**os.environ, "CARGO_TARGET_DIR": str(folder / "target"), "RUST_BACKTRACE": "0", **environment}
    command = ["cargo", "test", "--offline", "--workspace", *arguments]
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900)
        return done.returncode, done.stdout + done.stderr
    except subprocess.TimeoutExpired:
        return 1, "hangs"


def plant(folder, patch):
    """The source with one bug in it."""
    source = folder / "host" / "kernel" / "src"
    shutil.rmtree(source)
    shutil.copytree(KERNEL / "src", source)
    command = ["git", "apply", "-p2", "--whitespace=nowarn", str(patch)]
    return subprocess.run(command, cwd=source, capture_output=True).returncode == 0


def find(folder):
    """What finds the bug, or nothing."""
    status, text = cargo(folder, "--test", "simulation", "--no-run")
    if status != 0:
        return "does not build", "", False
    begun = time.monotonic()
    status, text = cargo(folder, "--test", "simulation", "--", "whatever", SIM_SEEDS=SEEDS)
    seconds = f"{time.monotonic() - begun:.0f} s"
    if status != 0:
        found = re.search(r"seed (\d+) fails after (\d+) cranks: (.*)", text)
        tried = re.search(r"^(\d+) cranks of (\d+) seeds", text, re.M)
        if not found:
            return "the simulation " + (text.strip().splitlines() or ["dies"])[-1][:60], seconds, True
        in_all = int(found[2]) + (int(tried[1]) if tried else 0)
        return f"seed {found[1]} after {in_all} cranks: {found[3][:70]}", seconds, True
    status, text = cargo(folder, "--no-fail-fast")
    failed = sorted(set(re.findall(r"^test (\S+) \.\.\. FAILED", text, re.M)))
    if failed:
        return f"{failed[0]} and {len(failed) - 1} more tests", seconds, True
    return "SURVIVES", seconds, False


def main():
    wanted = sys.argv[1:]
    patches = [patch for patch in sorted(HERE.glob("*.patch")) if not wanted or patch.stem in wanted]
    survived = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        workspace(folder)
        for patch in patches:
            found, seconds, caught = find(folder) if plant(folder, patch) else ("does not apply", "", False)
            survived += not caught
            print(f"{patch.stem:42} {seconds:>6}  {found}", flush=True)
    print(f"{len(patches) - survived} of {len(patches)} bugs were found")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
