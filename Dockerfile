# Waybill's image: the program, DuckDB's beside it for analytics, and what the two are linked with. Nothing in it needs a
# shell. `docker build -t waybill .` (BuildKit); compose.yaml builds the same.

# DuckDB's library as scripts/setup takes it: one version, its bytes pinned by the lock file.
FROM node:22-bookworm-slim AS duckdb
WORKDIR /duckdb
COPY scripts/duckdb/package.json scripts/duckdb/package-lock.json ./
RUN npm ci --no-audit --no-fund

FROM rust:1.95-bookworm AS build
# The library lies where the image will have it, so that the path written into the program holds there.
COPY --from=duckdb /duckdb/node_modules/@duckdb/node-bindings-linux-x64/libduckdb.so /usr/local/lib/waybill/
ENV DUCKDB_LIB_DIR=/usr/local/lib/waybill \
    DUCKDB_INCLUDE_DIR=/usr/local/lib/waybill \
    CARGO_PROFILE_RELEASE_STRIP=debuginfo
WORKDIR /build
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --locked --release -p waybill -p waybill-duckdb --bin waybill --bin waybill-duckdb \
    && mkdir /out && cp target/release/waybill target/release/waybill-duckdb /out/

FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libssl3 libstdc++6 tzdata zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 999 --create-home --shell /usr/sbin/nologin waybill
COPY --from=build /usr/local/lib/waybill/libduckdb.so /usr/local/lib/waybill/
COPY --from=build /out/ /usr/local/bin/
# By number, so that an orchestrator can tell that it is not root.
USER 999
WORKDIR /home/waybill
ENV WAYBILL_API__BIND=0.0.0.0:8080 \
    WAYBILL_ARTIFACTS__DIR=/home/waybill/artifacts
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["waybill", "health"]
ENTRYPOINT ["waybill"]
CMD ["serve"]
