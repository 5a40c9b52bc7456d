#!/usr/bin/env bash
# Make the virtual environment $VENV unless it is there, and install this project into it, editable.
#   tools/setup.sh WHAT STAMP      WHAT: "." or ".[test,lint]"; STAMP: file to touch when it is done
set -euo pipefail

what=$1 stamp=$2 venv=${VENV:-.venv}

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3.11 python3 python3.12 python3.13; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    fail "Python 3.11 or newer is needed and was not found." \
        "Install it (Debian: apt-get install python3 python3-venv) or name one: make PYTHON=/path/to/python3.11"
}

# Debian keeps what `python3 -m venv` needs in a package of its own.
ensure_venv_module() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "setup: installing python3-venv, which $1 lacks"
        apt-get update -qq </dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv </dev/null
        "$1" -c 'import ensurepip, venv' 2>/dev/null && return
    fi
    fail "$1 cannot make virtual environments: ensurepip is missing." \
        "Install it (Debian: sudo apt-get install python3-venv) or name another Python: make PYTHON=/path/to/python"
}

# The template engine itself: fetched once from the npm registry, in exactly the version whose checksum stands here.
install_handlebars() {
    local version=4.7.10 file=src/postwright/templates/handlebars.min.js folder
    local wanted=e3be13921b1a0a6d7d7c72e4f561cc638e608c2476fd9b1919b72707e6933b62
    local archive=3f954931533baa0067eaf8d7330f161bdb9523e9dc7f6a62ef68f875ee32cf96542cb8f6446a8b61a28e606b20cab562434b5e3ce565375b430825d7b45a972a
    if [ -f "$file" ] && echo "$wanted  $file" | sha256sum --check --status; then
        return
    fi
    command -v npm >/dev/null || fail "npm (Node.js) is needed once, to fetch handlebars $version for templates." \
        "Install it (Debian: apt-get install npm)"
    echo "setup: fetching handlebars $version"
    folder=$(mktemp -d)
    (cd "$folder" && npm pack --silent "handlebars@$version" </dev/null >/dev/null)
    echo "$archive  $folder/handlebars-$version.tgz" | sha512sum --check --status ||
        fail "handlebars-$version.tgz from the npm registry is missing or not what it was: its checksum differs."
    tar -xzf "$folder/handlebars-$version.tgz" -C "$folder" package/dist/handlebars.min.js
    echo "$wanted  $folder/package/dist/handlebars.min.js" | sha256sum --check --status ||
        fail "handlebars.min.js $version is not what it was: its checksum differs."
    mv "$folder/package/dist/handlebars.min.js" "$file"
    rm -rf "$folder"
}

# Only a pip that runs is a sign of a whole environment: one made without ensurepip has a python too.
if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    ensure_venv_module "$python"
    echo "setup: making $venv with $("$python" --version)"
    "$python" -m venv "$venv"
fi
echo "setup: installing $what into $venv"
"$venv/bin/python" -m pip install --disable-pip-version-check --no-input --quiet --editable "$what" </dev/null
install_handlebars
touch "$stamp"
