// Formats Lua files as stylua.toml says, or with --check names those that are not formatted.
// Usage: NODE_PATH=…/node_modules node stylua.cjs [--check] FILE…   (npm i @johnnymorganz/stylua: StyLua as WebAssembly)
const fs = require('fs');
const path = require('path');
const stylua = require('@johnnymorganz/stylua');

const choices = {
  column_width: Number,
  indent_width: Number,
  indent_type: (name) => stylua.IndentType[name],
  quote_style: (name) => stylua.QuoteStyle[name],
  call_parentheses: (name) => stylua.CallParenType[name],
};
const chosen = {};
for (const line of fs.readFileSync(path.join(__dirname, '..', 'stylua.toml'), 'utf8').split('\n')) {
  const match = /^(\w+) = "?(\w+)"?$/.exec(line);
  if (match) chosen[match[1]] = choices[match[1]](match[2]);
}

const check = process.argv.includes('--check');
let wrong = 0;
for (const file of process.argv.slice(2).filter((argument) => argument !== '--check')) {
  const before = fs.readFileSync(file, 'utf8');
  // A configuration is used up by the call.
  const configuration = Object.assign(stylua.Config.new(), chosen, { syntax: stylua.LuaVersion.LuaJIT });
  const after = stylua.formatCode(before, configuration, undefined, stylua.OutputVerification.Full);
  if (after === before) continue;
  wrong += 1;
  if (check) console.error(`${file} is not formatted; run scripts/stylua.cjs on it`);
  else fs.writeFileSync(file, after);
}
process.exit(check && wrong ? 1 : 0);
