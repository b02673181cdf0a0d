#!/usr/bin/env bash
# Unit, contract, script and conformance tests: everything but test/..., with the race detector and coverage.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t packages < <(go list ./... | grep -v '/test/')
go test -race -cover -timeout 15m -json "${packages[@]}" | go run ./tools/testsum -skips tools/skips.txt
