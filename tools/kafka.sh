#!/usr/bin/env bash
# Puts the jars of Apache Kafka, in the version that tools/kafka/pom.xml names, into .bin/kafka. They come through Maven. A change of that
# file fetches them again: the stamp's name holds its checksum.
set -euo pipefail
cd "$(dirname "$0")/.."
stamp=.bin/kafka/.$(sha256sum tools/kafka/pom.xml | cut -c1-16)
[ -e "$stamp" ] && exit 0
command -v mvn >/dev/null || { echo "mvn is not installed: install Debian's maven and a JDK of 17 or later, or run .ci/run once"; exit 1; }
mkdir -p .bin
new=$(mktemp -d .bin/kafka.XXXXXX)
trap 'rm -rf "$new"' EXIT
mvn -q -B -Dstyle.color=never -f tools/kafka/pom.xml org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
  -DincludeScope=runtime -DoutputDirectory="$PWD/$new"
touch "$new/${stamp##*/}"
chmod 755 "$new"
rm -rf .bin/kafka
mv "$new" .bin/kafka
