#!/usr/bin/env bash
# Licences, banned crates and sources of everything that is built, by the rules of deny.toml. Needs cargo-deny
# (cargo install cargo-deny --locked), and no network once `cargo fetch` has run. Known vulnerabilities
# are looked up with --advisories, for which it fetches the list of RustSec.
#
#   scripts/check-dependencies.sh [--advisories]
set -euo pipefail
cd "$(dirname "$0")/.."

checks=(bans licenses sources)
case "${1:-}" in
"") ;;
--advisories) checks+=(advisories) ;;
*) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2 ;;
esac
if ! cargo deny --version >/dev/null 2>&1; then
    echo "cargo-deny is not installed: cargo install cargo-deny --locked" >&2
    exit 2
fi
cargo deny --locked check "${checks[@]}"
