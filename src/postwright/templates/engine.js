// Handlebars as templates may use it. Runs in an isolate of V8 that has no file, network or timer, after
// handlebars.min.js. Gives one function, which Python calls; nothing else stays reachable by name.
globalThis.render = (() => {
  "use strict";
  const handlebars = globalThis.Handlebars.create();
  for (const name of ["Handlebars", "setTimeout", "clearTimeout", "Atomics", "SharedArrayBuffer", "WebAssembly"]) {
    globalThis[name] = undefined;
  }
  handlebars.unregisterHelper("log");
  // No inline partials: they are the only way to recursion.
  handlebars.unregisterDecorator("inline");
  handlebars.registerHelper("equal", function (left, right, options) {
    if (arguments.length !== 3) throw new Error("equal takes two values");
    const same = String(left) === String(right);
    if (!options.fn) return same;
    return same ? options.fn(this) : options.inverse(this);
  });
  const settings = { knownHelpersOnly: true, knownHelpers: { equal: true, log: false } };
  const compiled = new Map();

  // Compiled templates are functions in a realm that tenants share: whatever a template might get hold of, it
  // can leave nothing behind. (Error stays as it is: Handlebars assigns to what inherits from it.)
  const seen = new Set();
  const freeze = (value) => {
    if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) return;
    seen.add(value);
    for (const key of Reflect.ownKeys(value)) {
      const found = Object.getOwnPropertyDescriptor(value, key);
      for (const part of [found.value, found.get, found.set]) freeze(part);
    }
    freeze(Object.getPrototypeOf(value));
    if (!/^(Error|.*Error)$/.test(value.name || "") || typeof value === "function") Object.freeze(value);
  };
  for (const name of ["Object", "Function", "Array", "String", "Number", "Boolean", "Symbol", "RegExp", "Map",
    "Set", "WeakMap", "WeakSet", "Date", "Promise", "Reflect", "Proxy", "JSON", "Math", "BigInt", "ArrayBuffer",
    "Uint8Array"]) freeze(globalThis[name]);
  for (const kind of [function* () {}, async function () {}, async function* () {}]) {
    freeze(Object.getPrototypeOf(kind));
  }

  const RESULT = "the result is too large";
  return Object.freeze((key, source, escape, forget, data, limit) => {
    for (const old of forget) compiled.delete(old);
    try {
      let template = compiled.get(key);
      if (template === undefined) {
        template = handlebars.compile(source, { ...settings, noEscape: !escape });
        compiled.set(key, template);
      }
      const output = template(JSON.parse(data));
      // Looked at before it is copied: until then it is a tree of pieces.
      return output.length > limit ? { error: RESULT } : { output };
    } catch (problem) {
      const text = String(problem && problem.message);
      return { error: text === "Invalid string length" ? RESULT : text.slice(0, 500) };
    }
  });
})();
