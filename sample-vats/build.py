"""Builds the sample vats that are not written in Rust: `just vats-py`, `vats-js` and `vats-c` run it.

A directory with an `app.py`, `app.js` or `app.c` is such a vat; its component is target/vats/NAME.wasm, where NAME is its path with `-`.
A component is built again only when something that it is made of has changed, by content. Tools come from package registries at the
versions below, once, into target/. `check NAME` only says whether a component is there and made of what is here now.
"""

import hashlib
import inspect
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
VATS, VENV, JS = TARGET / "vats", TARGET / "python", TARGET / "js"
SAMPLES = ROOT / "sample-vats"

COMPONENTIZE_PY = "componentize-py==0.25.1"
ZIG = "ziglang==0.17.0"
JS_TOOLS = SAMPLES / "js-tools"

RECIPE = {"py": "vats-py", "js": "vats-js", "c": "vats-c"}
SDK = {"py": ROOT / "guest-sdk/python", "js": ROOT / "guest-sdk/js", "c": ROOT / "guest-sdk/c"}
PARTS = {"py": ["ocap_guest_sdk"], "js": ["."], "c": ["bindings", "ocap.c", "ocap.h"]}


class Missing(Exception):
    """Why a vat can not be built, and what to do about it."""


def run(what: str, command: list, cwd: Path = ROOT) -> None:
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True)
    if done.returncode != 0:
        raise Missing(f"{done.stdout}{done.stderr}{what}")


def python_tool(package: str, program: Path) -> None:
    """A package in the environment at target/python."""
    stamp = VENV / f"{package}.installed"
    if stamp.exists() and program.exists():
        return
    if not (VENV / "bin/python").exists():
        run(
            "python3 can not make a virtual environment, into which the tools are installed (its words are above). "
            "On Debian it needs the package python3-venv.",
            [sys.executable, "-m", "venv", VENV],
        )
    run(
        f"pip can not install {package} (its words are above). It is fetched once, so the package index has to be reachable now.",
        [VENV / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package],
    )
    stamp.touch()


def tools_py() -> None:
    python_tool(COMPONENTIZE_PY, VENV / "bin/componentize-py")


def tools_js() -> None:
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise Missing(
                f"there is no `{program}`. A vat in JavaScript is made a component by componentize-js, which runs on Node and is "
                "installed by npm. Install Node 20 or later, with npm, and run this again."
            )
    version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0] or 0) < 20:
        raise Missing(f"this `node` is {version}; componentize-js needs 20 or later.")
    lock = digest([JS_TOOLS])
    stamp = JS / "installed"
    if stamp.exists() and stamp.read_text() == lock:
        return
    JS.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(JS_TOOLS / name, JS / name)
    run(
        "npm can not install what is in sample-vats/js-tools (its words are above). It is fetched once, about 390 MiB, so the registry "
        "has to be reachable now.",
        ["npm", "ci", "--no-audit", "--no-fund"],
        JS,
    )
    stamp.write_text(lock)


def tools_c() -> None:
    for path in (linker(), libc()):
        if not path.exists():
            raise Missing(f"{path} is missing. A component in C is linked by what comes with Rust's target: `just setup` installs it.")
    python_tool(ZIG, VENV / "bin/python-zig")


def output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise Missing(f"`{' '.join(command)}` does not work: {error}. Rust's linker makes the component of a vat in C.") from None


def rustlib() -> Path:
    return Path(output("rustc", "--print", "sysroot").strip()) / "lib/rustlib"


def linker() -> Path:
    host = output("rustc", "-vV").partition("host: ")[2].partition("\n")[0]
    return rustlib() / host / "bin/wasm-component-ld"


def libc() -> Path:
    return rustlib() / "wasm32-wasip2/lib/self-contained/libc.a"


def build_py(app: Path, out: Path) -> None:
    program = [VENV / "bin/componentize-py", "-d", "wit", "-w", "vat", "componentize", "--stub-wasi", "app"]
    run(f"{app} does not build", [*program, "-p", app.parent, "-p", SDK["py"], "-o", out])


def build_js(app: Path, out: Path) -> None:
    program = JS / "node_modules/@bytecodealliance/componentize-js/src/cli.js"
    # Modules are read from under the working directory, so that is the repository's root.
    features = ["random", "stdio", "clocks", "http", "fetch-event"]
    command = ["node", program, app, "--wit", "wit", "--world-name", "vat", "--disable", *features, "--out", out]
    run(f"{app} does not build", command)


def build_c(app: Path, out: Path) -> None:
    sources = [SDK["c"] / "bindings/vat.c", SDK["c"] / "ocap.c", app]
    objects = [out.with_suffix(f".{source.stem}.o") for source in sources]
    for source, object in zip(sources, objects):
        compile = [VENV / "bin/python-zig", "cc", "--target=wasm32-wasi", "-std=c11", "-Os", "-Wall", "-Wextra", "-Werror"]
        run(f"{source} does not compile", [*compile, "-I", SDK["c"], "-c", source, "-o", object])
    needed = [SDK["c"] / "bindings/vat_component_type.o", libc().parent / "crt1-reactor.o", "-L", libc().parent, "-lc"]
    link = [linker(), "--wasm-ld-path", linker().parent / "gcc-ld/wasm-ld", "--entry", "_initialize", "--strip-all", "--gc-sections"]
    run(f"{app} does not link", [*link, *objects, *needed, "-o", out])
    for object in objects:
        object.unlink()


def digest(paths: list) -> str:
    """Of the contents of files and of directories, by their names."""
    sha = hashlib.sha256()
    for path in paths:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                sha.update(f"{file.relative_to(ROOT)} {file.stat().st_size}\n".encode() + file.read_bytes())
    return sha.hexdigest()


def made_of(app: Path) -> str:
    """What a component is made of: its directory, the wrapper, the contract, the tool, and how the tool is called."""
    language = app.suffix[1:]
    more = [JS_TOOLS] if language == "js" else []
    sdk = [SDK[language] / part for part in PARTS[language]]
    tool, how = {"py": (COMPONENTIZE_PY, build_py), "js": ("", build_js), "c": (ZIG, build_c)}[language]
    return f"{tool} {digest([app.parent, *sdk, ROOT / 'wit', *more])} {hashlib.sha256(inspect.getsource(how).encode()).hexdigest()}"


def name_of(app: Path) -> str:
    return "-".join(app.parent.relative_to(SAMPLES).parts)


def is_fresh(app: Path) -> bool:
    stamp = VATS / f"{name_of(app)}.made-of"
    return (VATS / f"{name_of(app)}.wasm").exists() and stamp.exists() and stamp.read_text() == made_of(app)


def build(language: str) -> None:
    stale = [app for app in sorted(SAMPLES.rglob(f"app.{language}")) if "target" not in app.parts and not is_fresh(app)]
    if not stale:
        return
    {"py": tools_py, "js": tools_js, "c": tools_c}[language]()
    VATS.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(lambda app: build_one(language, app), stale))


def build_one(language: str, app: Path) -> None:
    out = VATS / f"{name_of(app)}.wasm"
    stamp, made = out.with_suffix(".made-of"), made_of(app)
    stamp.unlink(missing_ok=True)
    {"py": build_py, "js": build_js, "c": build_c}[language](app, out)
    stamp.write_text(made)


def check(name: str) -> None:
    for language, recipe in RECIPE.items():
        for app in SAMPLES.rglob(f"app.{language}"):
            if name_of(app) == name and is_fresh(app):
                return
            if name_of(app) == name:
                raise Missing(f"target/vats/{name}.wasm is not there, or not made of what is here now: run `just {recipe}`")
    raise Missing(f"there is no vat `{name}` in sample-vats")


if __name__ == "__main__":
    try:
        match sys.argv[1:]:
            case ["check", name]:
                check(name)
            case [("py" | "js" | "c") as language]:
                build(language)
            case _:
                raise Missing("usage: build.py py|js|c, or build.py check NAME")
    except Missing as missing:
        sys.exit(f"{missing}")
