#!/usr/bin/env bash
# Crash, fault, simulation and story tests (test/...), with the figures of a commit. They start the real binary and measure time,
# so they run without the race detector and after the unit tests, not beside them.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t packages < <(go list ./test/... 2>/dev/null)
if [ ${#packages[@]} -eq 0 ]; then
  echo "there is no package in test/"
  exit 1
fi
export RELIABILITY=${RELIABILITY:-commit}
go test -timeout 20m -p 1 -json "${packages[@]}" | go run ./tools/testsum -v -skips tools/skips.txt
# WebSocket clients of others, which are more than Go.
go test -timeout 10m -tags peers -json ./test/peers | go run ./tools/testsum -v -skips tools/skips.txt
# Power cuts at the named points of the code, which only this tag compiles in.
go test -timeout 10m -p 1 -tags failpoint -json -run '^TestFailpoints$' ./test/disk ./internal/timeline | go run ./tools/testsum -v -skips tools/skips.txt
# Storms and crowds of the packages themselves, which the race detector would slow down beyond what they measure.
go test -timeout 10m -p 1 -json -run 'Storm|Crowd|AMillionLeavesRoom' ./internal/message ./internal/limit | go run ./tools/testsum -v -skips tools/skips.txt
