#!/bin/sh
# Makes the example's git repository in a new folder. Author and date are fixed, so its commit is the same everywhere.
#   sh examples/repository/make.sh /tmp/library
set -eu
here=$(cd "$(dirname "$0")" && pwd)
test ! -e "$1" || { echo "$1 is there already" >&2; exit 2; }
cp -R "$here/library" "$1"
cd "$1"
find . -name __pycache__ -prune -exec rm -rf {} +
GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
GIT_AUTHOR_NAME=library GIT_AUTHOR_EMAIL=library@example.org GIT_AUTHOR_DATE='2024-06-01T12:00:00Z'
GIT_COMMITTER_NAME=library GIT_COMMITTER_EMAIL=library@example.org GIT_COMMITTER_DATE='2024-06-01T12:00:00Z'
export GIT_CONFIG_NOSYSTEM GIT_CONFIG_GLOBAL GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_AUTHOR_DATE
export GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL GIT_COMMITTER_DATE
git init --quiet --initial-branch=main --object-format=sha1
git -c core.fileMode=false add --all
git commit --quiet --no-verify -m 'A lending library, with five mistakes'
git rev-parse HEAD
