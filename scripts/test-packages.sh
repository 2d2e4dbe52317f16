#!/bin/sh
# Installs the real peers that the tests talk to, where they are missing (Debian 12).
set -eu
need=""
check() { command -v "$1" >/dev/null 2>&1 || need="$need $2"; }
check sipp sip-tester
check baresip baresip-core
check kamailio kamailio
[ -e /usr/lib/*/kamailio/modules/tls.so ] || need="$need kamailio-tls-modules"
check dnsmasq dnsmasq-base
check openssl openssl
check espeak-ng espeak-ng
check sox sox
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || need="$need postgresql"
check radosgw radosgw
check ceph-mon ceph-mon
check ceph-osd ceph-osd
check ceph ceph-common
check chromium chromium
check mosquitto mosquitto
fc-list ":lang=zh" 2>/dev/null | grep -q . || need="$need fontconfig fonts-wqy-zenhei"
check iptables iptables
check ip iproute2
[ -z "$need" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "Installing for the tests:$need" >&2
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $need >/dev/null
else
  echo "The tests need these Debian packages: apt-get install$need" >&2
  exit 1
fi
