#!/bin/sh
# HAProxy as Ray starts it, but with its metrics, statistics and admin socket for this machine and user alone, and ended
# when Ray's process is: one left over would hold the ports, and route to nobody.
# What takes milliseconds is not watched for callers who hang up, which would take Serve a fifth of its time.
unwatched='http-request set-header x-request-disconnect-disabled ?1 if { path /v1/digits } || { path_beg /v2/ }'
# What came whole before it is passed on can be asked of another replica when the first one dies.
whole='http-request wait-for-body time 30s if METH_POST'
before=
for word in "$@"; do
    if [ "$before" = -f ]; then
        chmod 700 "$(dirname "$word")"
        sed -i \
            -e 's/^\( *bind \):/\1127.0.0.1:/' \
            -e '/^listen stats/,$ s/^\( *bind \)\*:/\1127.0.0.1:/' \
            -e '/^ *stats socket/ s/mode 666/mode 600/' \
            -e "/^frontend http_frontend/ a\\    $unwatched\\n    $whole" "$word"
    fi
    before=$word
done
if command -v setpriv >/dev/null; then
    exec setpriv --pdeathsig TERM "$INKRAY_HAPROXY" "$@"
fi
exec "$INKRAY_HAPROXY" "$@"
