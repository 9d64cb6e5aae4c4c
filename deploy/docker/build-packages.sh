#!/bin/sh
# build-packages.sh - in the build stage: install what deploy/debian/control, copied beside this script, wants for a build.
set -eu
export DEBIAN_FRONTEND=noninteractive
cd "$(dirname "$0")"
apt-get update -qq
apt-get build-dep -y -qq --no-install-recommends ./
