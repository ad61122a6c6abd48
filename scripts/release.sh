#!/bin/sh
# Makes a release, up to the upload: sh scripts/release.sh VERSION [--into FOLDER] [--dry-run] [--skip-checks]
#
# Sets the version and commits it, runs .ci/run, builds and checks the wheels, builds the image where a docker engine
# answers, and tags. Nothing is uploaded: the commands that would are printed at the end.
#
#   --into FOLDER    where what is built goes: dist/VERSION, and in a dry run nowhere
#   --dry-run        does all of it in a clone that is thrown away: tree, commits and tags stay as they are
#   --skip-checks    leaves .ci/run out, in a dry run only
#   PYTHON           the interpreter to build with (python3)
set -eu

die() {
  printf 'release: %s\n' "$1" >&2
  exit 2
}

say() { printf '== %s\n' "$1"; }

version='' into='' is_dry='' skips_checks=''
while [ $# -gt 0 ]; do
  case $1 in
    --into)
      [ $# -gt 1 ] || die '--into wants a folder'
      mkdir -p "$2"
      into=$(CDPATH='' cd -- "$2" && pwd -P)
      shift
      ;;
    --dry-run) is_dry=yes ;;
    --skip-checks) skips_checks=yes ;;
    -*) die "unknown option $1; allowed: --into FOLDER, --dry-run, --skip-checks" ;;
    *)
      [ -z "$version" ] || die "one version, please: not $version and $1"
      version=$1
      ;;
  esac
  shift
done
[ -n "$version" ] || die 'say which version: sh scripts/release.sh X.Y.Z [--dry-run]'
[ -z "$skips_checks" ] || [ -n "$is_dry" ] || die '--skip-checks goes with --dry-run alone: nothing is released unchecked'

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
python=${PYTHON:-python3}
# shellcheck source=scripts/pinned.sh
. "$root/scripts/pinned.sh"
place=datasync_spider/__init__.py
tag=v$version
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
cd "$root"

printf '%s\n' "$version" | grep -qxE '(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}' ||
  die "$version is no version: three numbers, such as 1.2.3"
[ -z "$(git status --porcelain)" ] || die "the tree has changes that are not committed: git status names them"

newer() { [ "$1" != "$2" ] && [ "$(printf '%s\n' "$1" "$2" | sort -t. -k1,1n -k2,2n -k3,3n | tail -n 1)" = "$1" ]; }

# What stands in the tree is released once it is tagged, and may be the very version to release.
current=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$place")
! newer "$current" "$version" || die "$version is older than $current, which $place says"
for released in $(git tag --list | sed -nE 's/^v([0-9]+\.[0-9]+\.[0-9]+)$/\1/p'); do
  newer "$version" "$released" || die "$version is not greater than $released, which is released (tag v$released)"
done

today=$(date -u +%Y-%m-%d)
heading="## $version ($today)"
grep -qxF -e "$heading" CHANGELOG.md || die "CHANGELOG.md has no section '$heading': write it, with the day of today (UTC)"

if [ -n "$is_dry" ]; then
  say "dry run: in a clone that is thrown away"
  git clone --quiet --no-hardlinks "$root" "$work/clone"
  # The clone asks no one who commits: a dry run needs no identity.
  git -C "$work/clone" config user.name "$(git log -1 --format=%an)"
  git -C "$work/clone" config user.email "$(git log -1 --format=%ae)"
  cd "$work/clone"
fi

if [ "$current" != "$version" ]; then
  say "version $version"
  sed "s/^__version__ = .*/__version__ = \"$version\"/" "$place" >"$work/init" && cat "$work/init" >"$place"
  git commit --quiet --message "Release $version" -- "$place"
fi
take_back() {
  [ "$current" = "$version" ] || [ -n "$is_dry" ] || printf '%s\n' "the version is committed; git reset --hard HEAD~1 takes that back" >&2
  die "$1"
}

if [ -n "$skips_checks" ]; then
  say 'SKIPPED: .ci/run. WHAT FOLLOWS IS NOT CHECKED, AND NOTHING OF IT MAY BE RELEASED.'
else
  say 'every check'
  bash .ci/run || take_back '.ci/run failed'
fi

say 'wheels'
dist=$work/dist
PYTHON=$python sh scripts/build-wheels.sh "$dist" || take_back 'the wheels could not be built, or hold what they should not'
pinned_environment "$python" "$work/twine" requirements-release.txt || take_back 'twine could not be installed'
"$work/twine/bin/python" -m twine check --strict "$dist"/* || take_back 'twine refuses what was built'

if docker info >/dev/null 2>&1; then
  say 'image'
  docker build --quiet --tag "datasync-ingestion:$version" . || take_back 'the image could not be built'
else
  say 'NO IMAGE: no docker engine answers here; build it where one does'
fi

git tag --annotate "$tag" --message "Release $version"
[ -z "$skips_checks" ] || say 'NOT CHECKED: .ci/run was skipped'
[ -n "$is_dry" ] || into=${into:-$root/dist/$version}
ls "$dist"
if [ -n "$into" ]; then
  mkdir -p "$into"
  mv "$dist"/* "$into/"
fi
if [ -n "$is_dry" ]; then
  say "dry run: $version can be released; it is committed and tagged in the clone alone, which is thrown away"
  exit 0
fi
say "$version is tagged as $tag, and nothing is uploaded. These would:"
cat <<END
git push origin HEAD $tag
python3 -m pip install --require-hashes -r requirements-release.txt
python3 -m twine upload $into/*
docker tag datasync-ingestion:$version REGISTRY/datasync-ingestion:$version
docker push REGISTRY/datasync-ingestion:$version
END
