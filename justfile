# The commands of daily work; CI runs the same ones through .ci/run.

# Everything that must hold before a change lands.
ci:
    .ci/run

# Unit and integration tests; no network beyond this machine.
test *ARGS:
    cargo test {{ARGS}}

# Formats all code, the files behind the list macros too.
fmt:
    cargo fmt --all
    rustfmt --edition 2024 src/version/*.rs src/registry/*.rs src/pin/project/*.rs

# Lints, warnings as errors.
lint:
    cargo clippy --all-targets -- -D warnings

# Real servers on this machine, and the binary against them: just real npm git
real *ARGS:
    tests/real/run {{ARGS}}

# Benchmarks of parsing and comparing.
bench *ARGS:
    cargo bench {{ARGS}}

# Rewrites the published JSON Schemas from the code.
schemas:
    UPDATE_SCHEMAS=1 cargo test --test it schema

# Licences, duplicate crates and sources of the dependencies.
deny:
    cargo deny check bans licenses sources

# Throws texts at all that reads what others wrote, ten minutes each; see fuzz/README.md: just fuzz format:yarn-lock
fuzz *ARGS:
    fuzz/run {{ARGS}}
