#!/usr/bin/env bash
# Generates everything in a copy of the working tree and compares sums before and after, so that the tree itself is never touched.
set -euo pipefail
cd "$(dirname "$0")/.."
make .bin/buf .bin/protoc-gen-go .bin/protoc-gen-connect-go >/dev/null

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
git ls-files -z --cached --others --exclude-standard | tar cf - --null --ignore-failed-read -T - 2>/dev/null | (mkdir "$tmp/tree" && tar xf - -C "$tmp/tree")
ln -s "$PWD/.bin" "$tmp/tree/.bin"

cd "$tmp/tree"
sums() { find . -type f -not -path './.bin/*' -print0 | sort -z | xargs -0 sha256sum; }
sums >"$tmp/before"
find proto \( -name '*.pb.go' -o -name '*.connect.go' -o -name baseline.binpb \) -delete
.bin/buf generate
.bin/buf build --exclude-source-info -o proto/baseline.binpb
go generate ./...
sums >"$tmp/after"

if ! diff "$tmp/before" "$tmp/after"; then
  echo "generated files differ from what their sources give: run 'make generate' and commit the result"
  exit 1
fi
echo "generated files are what their sources give"
