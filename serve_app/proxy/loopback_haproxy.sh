#!/bin/sh
# Runs HAProxy as Ray does, but with its metrics, statistics and admin socket open to this machine and user only. It
# ends with Ray's process, since a leftover HAProxy would hold the ports and route to nothing.
set -eu
here=$(dirname "$0")
before=
for word in "$@"; do
    if [ "$before" = -f ]; then
        chmod 700 "$(dirname "$word")"
        sed -i \
            -e "/^global/ r $here/haproxy_global.cfg" \
            -e 's/^\( *bind \):/\1127.0.0.1:/' \
            -e '/^listen stats/,$ s/^\( *bind \)\*:/\1127.0.0.1:/' \
            -e '/^ *stats socket/ s/mode 666/mode 600/' \
            -e "/^frontend http_frontend/ r $here/haproxy_frontend.cfg" \
            -e "/^backend http-/ r $here/haproxy_backend.cfg" "$word"
    fi
    before=$word
done
if command -v setpriv >/dev/null; then
    exec setpriv --pdeathsig TERM "$INKRAY_HAPROXY" "$@"
fi
exec "$INKRAY_HAPROXY" "$@"
