#!/bin/sh
# Asterisk 22 from Debian sid, in a chroot, with SIPp 3.8 beside it: a peer for tests and benches.
#
#   asterisk.sh install [DIR]          debootstrap and install, about a minute; nothing to do the next time
#   asterisk.sh run [DIR] CONFIG       run it in the foreground with the files of folder CONFIG, until it is
#                                      killed; this shell becomes Asterisk, so its pid is the caller's child
#   asterisk.sh rx [DIR] CONFIG WORD.. one command on the console of the one that runs with CONFIG
#
# DIR: build/asterisk where left out. CONFIG holds pjsip.conf, extensions.conf and so on; what it doesn't bring
# of asterisk.conf, modules.conf, logger.conf and rtp.conf is filled in. Each CONFIG (by its last name) has its
# own run and spool folders, so two can run beside each other. Needs root, debootstrap and a Debian mirror.
set -eu

fail() { echo "asterisk.sh: $*" >&2; exit 1; }

root=$(CDPATH='' cd "$(dirname "$0")/../.." && pwd)
verb=${1:-}
[ $# -gt 0 ] && shift

install_it() {
    dir=$1
    [ -e "$dir/.installed" ] && return
    [ "$(id -u)" = 0 ] || fail "install needs root (debootstrap and chroot)"
    command -v debootstrap >/dev/null || { apt-get update -qq && apt-get install -y -qq debootstrap >/dev/null; }
    mirror=$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/debian.sources 2>/dev/null || true)
    rm -rf "$dir"
    mkdir -p "$(dirname "$dir")"
    debootstrap --variant=minbase sid "$dir" "${mirror:-http://deb.debian.org/debian}" >"$dir.log" 2>&1 ||
        fail "debootstrap failed, see $dir.log"
    cp /etc/resolv.conf "$dir/etc/" 2>/dev/null || true
    cp -r /etc/apt/apt.conf.d/. "$dir/etc/apt/apt.conf.d/" 2>/dev/null || true
    chroot "$dir" sh -c 'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
        --no-install-recommends asterisk asterisk-modules sip-tester' >>"$dir.log" 2>&1 ||
        fail "apt-get in the chroot failed, see $dir.log"
    chroot "$dir" asterisk -V
    touch "$dir/.installed"
}

prepare() {
    # $1 chroot, $2 configuration: copied to /etc/asterisk.d/NAME, with what every one needs.
    name=$(basename "$2")
    etc=$1/etc/asterisk.d/$name
    rm -rf "$etc"
    mkdir -p "$etc" "$1/run/asterisk.d/$name" "$1/var/spool/asterisk.d/$name" "$1/var/log/asterisk.d/$name"
    cp "$2"/*.conf "$etc/"
    [ -e "$etc/asterisk.conf" ] || cat >"$etc/asterisk.conf" <<C
[directories]
astetcdir => /etc/asterisk.d/$name
astmoddir => /usr/lib/x86_64-linux-gnu/asterisk/modules
astvarlibdir => /var/lib/asterisk
astdbdir => /var/spool/asterisk.d/$name
astkeydir => /var/lib/asterisk
astdatadir => /usr/share/asterisk
astagidir => /usr/share/asterisk/agi-bin
astspooldir => /var/spool/asterisk.d/$name
astrundir => /run/asterisk.d/$name
astlogdir => /var/log/asterisk.d/$name
[options]
maxload = 1000
maxfiles = 20000
C
    [ -e "$etc/modules.conf" ] || printf '%s\n' '[modules]' 'autoload = yes' 'noload = chan_iax2.so' \
        'noload = chan_unistim.so' 'noload = chan_mgcp.so' 'noload = pbx_dundi.so' >"$etc/modules.conf"
    [ -e "$etc/logger.conf" ] || printf '%s\n' '[general]' '[logfiles]' 'messages => notice,warning,error' >"$etc/logger.conf"
    [ -e "$etc/rtp.conf" ] || printf '%s\n' '[general]' 'rtpstart = 40000' 'rtpend = 49999' >"$etc/rtp.conf"
    machine=$(uname -m)
    [ "$machine" = x86_64 ] || sed -i "s/x86_64-linux-gnu/$machine-linux-gnu/" "$etc/asterisk.conf"
    [ -e "$1/proc/self" ] || mount -t proc proc "$1/proc"
}

case $verb in
install)
    install_it "${1:-$root/build/asterisk}"
    ;;
run)
    [ $# -ge 1 ] || fail "run [DIR] CONFIG"
    dir=$root/build/asterisk
    [ $# -lt 2 ] || { dir=$1; shift; }
    [ -e "$dir/.installed" ] || fail "not installed: run '$0 install $dir' first"
    prepare "$dir" "$1"
    exec chroot "$dir" asterisk -f -C "/etc/asterisk.d/$(basename "$1")/asterisk.conf"
    ;;
rx)
    [ $# -ge 2 ] || fail "rx [DIR] CONFIG WORD.."
    dir=$root/build/asterisk
    [ ! -e "$1/.installed" ] || { dir=$1; shift; }
    config=$(basename "$1"); shift
    exec chroot "$dir" asterisk -C "/etc/asterisk.d/$config/asterisk.conf" -rx "$*"
    ;;
*)
    sed -n '2,12s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
