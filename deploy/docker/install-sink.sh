#!/bin/sh
# install-sink.sh - in the stage sink: what tests/tools/mailsink.py needs.
set -eu
export DEBIAN_FRONTEND=noninteractive
groupadd --system --gid 826 sink
useradd --system --uid 826 --gid 826 --home-dir /var/mail/sink --no-create-home --shell /usr/sbin/nologin sink
install -d -o sink -g sink /var/mail/sink
apt-get update -qq
apt-get install -y -qq --no-install-recommends python3 python3-aiosmtpd
rm -rf /var/lib/apt/lists/*
