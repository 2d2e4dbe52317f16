#!/bin/sh
# A virtual environment of its own with PJSIP's bindings, for the tests: the wheel exists for Python 3.11 and 3.12.
# PJSIP is GPL-2-or-later or commercial, so nothing of it is in the project's own environment.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
place="$root/build/pjsua2"
[ -n "${PJSUA2_PYTHON:-}" ] && exit 0
python="$root/.venv/bin/python"
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
case $version in
  3.11 | 3.12) ;;
  *) echo "No pjsua2-python wheel for Python $version: its tests are left out, unless PJSUA2_PYTHON names bindings" >&2; exit 0 ;;
esac
"$place/bin/python" -c 'import msgspec, pjsua2' 2>/dev/null && exit 0
rm -rf "$place"
sh "$root/scripts/uv.sh" venv --quiet --python "$python" "$place"
sh "$root/scripts/uv.sh" pip install --quiet --python "$place/bin/python" pjsua2-python==2.15.1.post1 'msgspec>=0.20'
"$place/bin/python" -c 'import msgspec, pjsua2'
