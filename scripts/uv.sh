#!/bin/sh
# Run uv with a Python that this project supports: sh scripts/uv.sh pip sync ...
# uv is taken from PATH, or else installed into .venv-tools.
set -eu

UV_VERSION=0.13.9
TOOLS=.venv-tools

fail() {
    echo "aduni: $*" >&2
    exit 1
}

# Print "VERSION PATH" of the interpreter $1. Running it is the test: a pyenv shim exists
# and yet fails where its version is not installed. Inside a virtual environment the path
# is that of the Python below it, which outlives the environment.
probe() {
    "$1" -c 'import sys
base = getattr(sys, "_base_executable", sys.executable)
print("%d.%d %s" % (sys.version_info[0], sys.version_info[1], base))' 2>/dev/null
}

# Set `python` to the first suitable interpreter, or fail with what was found instead.
find_python() {
    if [ -n "${PYTHON:-}" ]; then
        set -- "$PYTHON"
    else
        set -- python3.11 python3.12 python3.13 python3 python
    fi
    found=
    for name; do
        answer=$(probe "$name") || continue
        python=${answer#* }
        case $answer in
            3.11\ * | 3.12\ * | 3.13\ *) return ;;
        esac
        found="${found:+$found, }$name (${answer%% *})"
    done
    fail "this project needs Python 3.11, 3.12 or 3.13, but found ${found:-none that runs} (tried: $*);" \
        "install one of them, or name it with make setup PYTHON=/path/to/python3.11"
}

# Set `uv` to the command on PATH, or to one installed with pip.
find_uv() {
    for uv in uv "$TOOLS/bin/uv"; do
        "$uv" --version >/dev/null 2>&1 && return
    done
    rm -rf "$TOOLS"
    "$python" -m venv "$TOOLS" >&2 &&
        "$TOOLS/bin/python" -m pip install --quiet "uv==$UV_VERSION" >&2 ||
        fail "uv is not on PATH, and $python could not install it with its modules venv and pip;" \
            "install uv, or these two modules"
}

find_python
find_uv

# An environment that happens to be active is not the one to work on.
unset VIRTUAL_ENV CONDA_PREFIX UV_SYSTEM_PYTHON UV_PROJECT_ENVIRONMENT
UV_PYTHON=$python UV_PYTHON_DOWNLOADS=never exec "$uv" "$@"
