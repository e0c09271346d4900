#!/bin/sh
# Runs in compose.yaml's postgres container at its first start.
set -eu
psql -X -q -v ON_ERROR_STOP=1 -U postgres -v owner_password="$OWNER_PASSWORD" -v app_password="$APP_PASSWORD" \
    -f /etc/waybill/roles.sql postgres
