# Every command that a person or CI runs; `just` alone lists them. Recipes run from the repository's root.
#
# The host is always built as one workspace (never `-p`), so that there is one feature resolution and one build of every dependency,
# and always in the profile `dev`, which is optimised; only the host's unit tests are not. `target/` is where the tests, the benchmark
# and the declarations of the sample vats look, so a target directory from the environment is overridden.

export CARGO_TARGET_DIR := justfile_directory() / "target"

host := "target/debug/ocap-host"
guest_target := "wasm32-wasip2"

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

# the sample vats in Python, as target/vats/NAME.wasm
vats-py:
    python3 sample-vats/build.py py

# the sample vats in JavaScript; needs Node 20 or later, and fetches about 390 MiB the first time
vats-js:
    python3 sample-vats/build.py js

# the sample vat in C
vats-c: setup
    python3 sample-vats/build.py c

# the bindings in C again, after a change of the contract
c-bindings:
    cd guest-sdk/c/bindgen && cargo run --quiet --locked --target-dir {{CARGO_TARGET_DIR}}/tools -- ../bindings

# what the host does, narrated, in less than a minute after the build
demo: build vats
    @python3 tests/demo/demo.py {{host}}

# every test
test: build vats vats-py vats-js vats-c
    cargo test --workspace
    cd sample-vats && CARGO_TARGET_DIR={{CARGO_TARGET_DIR}}/guests cargo test

# the stories of traces, with the feature that sends them
test-otel: build vats
    cargo test --workspace --features ocap-host/otel,ocap-tests/otel --test stories telemetry

# format, lints, documentation, and the rules of the house, without a warning
check: setup
    cargo fmt --all --check
    cd sample-vats && cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    cd sample-vats && CARGO_TARGET_DIR={{CARGO_TARGET_DIR}}/guests cargo clippy --target {{guest_target}} -- -D warnings
    cd sample-vats && CARGO_TARGET_DIR={{CARGO_TARGET_DIR}}/guests cargo clippy --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
    cargo clippy --workspace --all-targets --features ocap-host/otel,ocap-tests/otel -- -D warnings
    cargo test --workspace --test tidy --test guide

# the pages of the guide that are walked (first quarter of an hour, tutorial), with what the commands say now
walk: build vats
    OCAP_WALK=write cargo test --workspace --test stories walk

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
