# Makes target/extract.wasm. `airlock build` runs this here, after it has written the app's world to target/wit.
set -eu

installed=.venv/installed.txt
if ! cmp -s requirements.txt "$installed"; then
  echo "Installing componentize-py into .venv: once, about 70 MB on disk"
  python3 -m venv --clear .venv
  .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --requirement requirements.txt
  cp requirements.txt "$installed"
fi
mkdir -p target
# Stubbed, WASI can't be reached: time and random numbers come from the interface `context`, and Python's own `random`
# would begin every call with the same seed. The world comes from [permissions]; everything in it is imported.
.venv/bin/componentize-py --quiet --wit-path target/wit --world app \
  componentize --stub-wasi --python-path src app --output target/extract.wasm
