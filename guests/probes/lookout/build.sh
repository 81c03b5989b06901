# Makes target/lookout.wasm. `airlock build` runs this here, after it has written the app's world to target/wit.
set -eu

# `npm ci` begins by removing what is there, so it runs only when another set of versions is asked for.
installed=node_modules/installed-lock.json
if ! cmp -s package-lock.json "$installed"; then
  echo "Installing componentize-js into node_modules: once, about 400 MB on disk"
  npm ci --no-audit --no-fund --loglevel=error
  cp package-lock.json "$installed"
fi
node build.mjs
