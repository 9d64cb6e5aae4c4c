#!/bin/sh
# install.sh - in the final stage: install the Debian package that lies beside this script, and what it needs at run time.
set -eu
export DEBIAN_FRONTEND=noninteractive
cd "$(dirname "$0")"

# One id in every build: volumes keep it.
groupadd --system --gid 825 mailproxy
useradd --system --uid 825 --gid 825 --home-dir /var/lib/mailproxy --no-create-home --shell /usr/sbin/nologin mailproxy
install -d -o mailproxy -g mailproxy -m 0750 /var/lib/mailproxy /var/cache/mailproxy

# systemd-standalone-sysusers in place of systemd, which nothing starts here; curl for the health check.
apt-get update -qq
apt-get install -y -qq --no-install-recommends systemd-standalone-sysusers curl ./mailproxy_*.deb
rm -rf /var/lib/apt/lists/*
# Settings come from outside, and a key that every copy of an image has is none.
rm -rf /etc/mailproxy
rm -f ./*.deb
