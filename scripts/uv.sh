#!/bin/sh
# Runs uv; where it isn't installed, puts it into .uv/ first (python3 with venv or pip is enough).
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
if command -v uv >/dev/null 2>&1; then exec uv "$@"; fi
if [ ! -x "$root/.uv/bin/uv" ]; then
  echo "Fetching uv into .uv/ ..." >&2
  rm -rf "$root/.uv"
  if ! python3 -m venv "$root/.uv" >/dev/null 2>&1; then
    rm -rf "$root/.uv"
    # Debian keeps venv in a package of its own.
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
      apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
      python3 -m venv "$root/.uv"
    else
      echo "python3 can't make a virtual environment. Install it: apt-get install python3-venv" >&2
      exit 1
    fi
  fi
  "$root/.uv/bin/python" -m pip install --quiet --disable-pip-version-check uv
fi
exec "$root/.uv/bin/uv" "$@"
