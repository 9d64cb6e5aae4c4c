#!/usr/bin/env bash
# deb.sh OUT - build the Debian package of this tree, with what is installed (Build-Depends of deploy/debian/control), into the directory OUT.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
mkdir -p "$1"
out=$(cd "$1" && pwd -P)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

version=$(sed -n "s/^  version: '\(.*\)',/\1/p" "$ROOT/meson.build")
changed=$(sed -n '1s/.*(\(.*\)).*/\1/p' "$ROOT/deploy/debian/changelog")
[ "$version" = "$changed" ] || {
    echo "deb.sh: meson.build says version $version, deploy/debian/changelog says $changed" >&2
    exit 1
}

# A copy, because a folder debian/ and what the build leaves belong beside no sources.
mkdir "$work/mailproxy"
tar -C "$ROOT" --exclude='./build' --exclude='./build-*' --exclude='./.run*' --exclude=./.git --exclude=./.cache -cf - . |
    tar -C "$work/mailproxy" --no-same-owner -xf -
cp -r "$work/mailproxy/deploy/debian" "$work/mailproxy/debian"
cd "$work/mailproxy"
dpkg-buildpackage --build=binary --no-sign >"$work/log" 2>&1 || {
    tail -n 40 "$work/log" >&2
    exit 1
}
for package in "$work"/*.deb; do
    cp "$package" "$out/"
    echo "$out/${package##*/}"
done
