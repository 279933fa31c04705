# The recipes of this workspace; `just` alone lists them.

_default:
    @just --list --unsorted

# Everything in one command: servers, workers, one killed, one shard split
demo *args="--kill --split":
    cargo run -- demo {{args}}

# The tests
test *args:
    cargo test --workspace {{args}}

# Type-check everything, tests included
check:
    cargo check --workspace --all-targets

# Format
fmt:
    cargo fmt --all

# Lint, as strictly as CI
clippy:
    cargo clippy --workspace --all-targets -- -D warnings

# Build the API's documentation
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Check licences, bans and sources of the dependencies
deny:
    cargo deny check licenses bans sources

# Check that dependencies between our crates run one way
direction:
    .ci/direction

# Fuzz what reads bytes of others, for so many seconds each
fuzz seconds="10":
    fuzz/run {{seconds}}

# Run other consumers beside ours
interop:
    interop/run

# All that CI runs
ci:
    .ci/run

# Time how fast a group starts, hands over and fails over; takes minutes
bench:
    bench/figures

# Count what a group's state costs in DynamoDB; takes minutes
costs *args:
    bench/costs {{args}}

# Read by fan-out from two servers, by default for twelve minutes each
soak *args:
    bench/fan-out-soak {{args}}

# Processes on real records, some killed, stopped, late, checked: shared and standalone
processes:
    bench/three-processes dynamodb
    bench/three-processes sqlite
    bench/standalone-processes
