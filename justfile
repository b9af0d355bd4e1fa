# Every command that a person or CI runs; `just` alone lists them. Recipes run from the repository's root.
#
# The host is always built as one workspace (never `-p`), so that there is one feature resolution and one build of every dependency,
# and always in the profile `dev`, which is optimised. `target/` is where the tests, the benchmark and the declarations of the sample
# vats look, so a target directory from the environment is overridden.

export CARGO_TARGET_DIR := justfile_directory() / "target"

host := "target/debug/ocap-host"
guest_target := "wasm32-wasip2"
python := "target/python"

_list:
    @just --list --unsorted

# what a fresh machine lacks: the target that vats are built for
setup:
    @rustup target list --installed | grep -qx {{guest_target}} || rustup target add {{guest_target}}

# the host, the SDK and the benchmark
build:
    cargo build --workspace

# every Rust sample vat, as target/vats/NAME.wasm
vats: setup
    cd sample-vats && CARGO_TARGET_DIR={{CARGO_TARGET_DIR}}/guests cargo build --profile vat --target {{guest_target}}
    mkdir -p target/vats && cp target/guests/{{guest_target}}/vat/*.wasm target/vats/

# the Python sample vat: the interpreter and app.py as one component
vats-py:
    test -x {{python}}/bin/componentize-py || python3 -m venv {{python}}
    {{python}}/bin/python -m pip install --quiet --disable-pip-version-check componentize-py==0.25.1
    mkdir -p target/vats && cd sample-vats/python-greeter && ../../{{python}}/bin/componentize-py -d ../../wit -w vat \
        componentize --stub-wasi app -o ../../target/vats/python-greeter.wasm

# what the host does, narrated, in less than a minute after the build
demo: build vats
    @python3 tests/demo/demo.py {{host}}

# every test
test: build vats vats-py
    cargo test --workspace

# the stories of traces, with the feature that sends them
test-otel: build vats
    cargo test --workspace --features ocap-host/otel,ocap-tests/otel --test stories telemetry

# format, lints, documentation, and the rules of the house, without a warning
check: setup
    cargo fmt --all --check
    cd sample-vats && cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    cd sample-vats && CARGO_TARGET_DIR={{CARGO_TARGET_DIR}}/guests cargo clippy --target {{guest_target}} -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
    cargo clippy --workspace --all-targets --features ocap-host/otel,ocap-tests/otel -- -D warnings
    cargo test --workspace --test tidy --test guide

# random vats, schedules and crashes over the kernel: as many seeds as CI tries, or one SEED again
sim SEED="":
    {{ if SEED == "" { "" } else { "SIM_SEED=" + SEED } }} cargo test --workspace --test simulation -- --nocapture

# the same with COUNT seeds
sim-many COUNT:
    SIM_SEEDS={{COUNT}} cargo test --workspace --test simulation -- --nocapture

# plants bugs in the kernel, one after another, and says what finds each
planted *NAMES:
    python3 host/kernel/tests/planted/run.py {{NAMES}}

# what a crank, a durable call, a boot and an idle vat cost; compare figures of one run only
bench: build vats
    target/debug/bench

# what CI runs, in CI's order
ci: check test
