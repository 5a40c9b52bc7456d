#!/usr/bin/env bash
# Build the panel from web/ into the package, as a set of files that the server sends as they are.
set -euo pipefail

cd "$(dirname "$0")/../web"
if ! command -v npm >/dev/null || ! node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)'; then
    echo "Node.js 20.19 or newer with npm is needed once, to build the panel." >&2
    echo "Install it (https://nodejs.org), or run the server without the panel: .venv/bin/postwright serve" >&2
    exit 1
fi
# What is installed says which lock file it was installed from.
if ! cmp --silent package-lock.json node_modules/.from-lock; then
    echo "panel: installing what builds it"
    npm ci --no-audit --no-fund --loglevel=error </dev/null
    cp package-lock.json node_modules/.from-lock
fi
[ "${1:-}" != packages ] || exit 0
echo "panel: building"
npm run --silent build -- --logLevel warn </dev/null
