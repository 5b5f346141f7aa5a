// Prints {control id: the status that Heimdall shows} of an HDF file, read by Heimdall's own parser.
const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");

const [folder, file] = process.argv.slice(2);
const { hdfWrapControl } = createRequire(`${folder}/package.json`)("inspecjs");
const [profile] = JSON.parse(readFileSync(file, "utf8")).profiles;
const told = profile.controls.map((control) => [control.id, hdfWrapControl(control).status]);
process.stdout.write(JSON.stringify(Object.fromEntries(told)));
