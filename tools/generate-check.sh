#!/usr/bin/env bash
# Generates into a copy of the schema and compares, so that the working tree is never touched.
set -euo pipefail
cd "$(dirname "$0")/.."
make .bin/buf .bin/protoc-gen-go .bin/protoc-gen-connect-go >/dev/null

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/proto"
cp -r buf.yaml buf.gen.yaml proto "$tmp/"
find "$tmp/proto" \( -name '*.pb.go' -o -name '*.connect.go' -o -name baseline.binpb \) -delete
ln -s "$PWD/.bin" "$tmp/.bin"
(cd "$tmp" && .bin/buf generate && .bin/buf build --exclude-source-info -o proto/baseline.binpb)

if ! diff -rq proto "$tmp/proto"; then
  echo "generated files differ from what the schema gives: run 'make generate' and commit the result"
  exit 1
fi
echo "generated files are what the schema gives"
