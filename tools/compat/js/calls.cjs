// Makes calls one after the other and prints what came of each, as one line of JSON.
const { createRequire } = require("node:module");

const [, , url, key, domain] = process.argv;
const made = [];

async function call(name, work, holds = () => true) {
  let note = "";
  let ok = false;
  let result;
  try {
    result = await work();
    ok = Boolean(holds(result));
    if (!ok) note = `unexpected: ${JSON.stringify(result)}`.slice(0, 300);
  } catch (error) {
    const inner = error.error ?? error;
    note = `${inner.status ?? inner.statusCode ?? ""} ${inner.details ?? inner.message}`.trim().slice(0, 300);
  }
  made.push({ call: name, ok, note });
  return result;
}

// The packages are in the working directory, which is not the folder of this file.
const packages = createRequire(process.cwd() + "/");
const done = () => process.stdout.write("\n" + JSON.stringify(made) + "\n", () => process.exit(0));
const until = async (look) => {
  for (let turn = 0; turn < 150; turn++) {
    const found = await look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("it did not come to be");
};
module.exports = { url, key, domain, call, packages, done, until };
