#!/bin/sh
# Print the newest Python on this machine that edgenets has constraints for, to make .venv with.
# 3.14 comes last: of TensorFlow it has a release candidate alone.
here=$(dirname "$0")
why="none of python3.13, python3.12, python3.11 and python3.14 is here"
for python in python3.13 python3.12 python3.11 python3.14 python3; do
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    if [ ! -f "$here/$version.txt" ]; then
        why="$why; $python is $version"
    elif "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "$python"
        exit 0
    else
        why="$python has no venv (on Debian and Ubuntu: apt-get install $python-venv)"
    fi
done
echo "edgenets needs Python 3.11, 3.12, 3.13 or 3.14: $why. Another one: make PYTHON=/path/to/python …" >&2
exit 1
