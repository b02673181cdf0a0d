#!/bin/sh
# Writes deploy/.env (or the file that is named) from env.example, with every secret drawn. A file that is there is left alone.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
to=${1:-$here/../.env}
if [ -e "$to" ]; then
  echo "$to is there and stays as it is" >&2
  exit 1
fi
umask 077
while IFS= read -r line; do
  case $line in
    [A-Z]*=) printf '%s%s\n' "$line" "$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')" ;;
    *) printf '%s\n' "$line" ;;
  esac
done <"$here/env.example" >"$to"
echo "wrote $to"
