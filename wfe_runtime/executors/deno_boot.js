"use strict";

// The main module of every Deno process of ours: takes requests from the engine, imports the script, answers.
//
// The script never is the main module, since that one may import any local file whatever is permitted. It is a
// module of its own, imported from memory (or, if it has local modules beside it, from a private folder).
//
// Requests and answers go over a socket that the permissions to open are given up before a script is seen; a
// frame is four bytes of length and JSON. An answer repeats the number drawn by the engine for its request. All
// that is used after a script may have changed the world (JSON, Promise and so on) is taken before.
//
// A script has ended when its module has been evaluated and nothing is pending any more: `beforeunload`. One that
// comes again becomes a function, since to load a module takes twenty times as long as to call one: see `Repeated`.
//
// No comment stands before the first statement: Deno would search it for directives, which takes a millisecond.

const [socketPath] = Deno.args;
const bootUrl = import.meta.url;
const { parse, stringify } = JSON;
const { isFinite, parseInt } = Number;
const { isArray } = Array;
const { getPrototypeOf, keys, create, defineProperty } = Object;
const { apply } = Reflect;
const { readTextFileSync, exit, inspect, stdout, stderr } = Deno;
const { createObjectURL, revokeObjectURL } = URL;
const NativeBlob = Blob;
const NativeError = Error;
const NativeTypeError = TypeError;
const NativeSet = Set;
const NativeArray = Uint8Array;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const encode = encoder.encode.bind(encoder);
const decode = decoder.decode.bind(decoder);
const set = Function.call.bind(NativeArray.prototype.set);
const subarray = Function.call.bind(NativeArray.prototype.subarray);
const toJson = Function.call.bind(Date.prototype.toJSON);
const has = Function.call.bind(NativeSet.prototype.has);
const add = Function.call.bind(NativeSet.prototype.add);
const remove = Function.call.bind(NativeSet.prototype.delete);
const replaceAll = Function.call.bind(String.prototype.replaceAll);
const split = Function.call.bind(String.prototype.split);
const includes = Function.call.bind(String.prototype.includes);
const startsWith = Function.call.bind(String.prototype.startsWith);
const slice = Function.call.bind(String.prototype.slice);
const writeSync = stdout.writeSync.bind(stdout);
const writeErrorSync = stderr.writeSync.bind(stderr);

const connection = await Deno.connect({ transport: "unix", path: socketPath });
const read = connection.read.bind(connection);
const write = connection.write.bind(connection);
for (const name of ["read", "write"]) Deno.permissions.revokeSync({ name, path: socketPath });
Deno.permissions.revokeSync({ name: "net", host: `unix:${socketPath}` });

// What keeps things for a next script, or starts threads that no deadline reaches.
for (const name of ["localStorage", "sessionStorage", "caches", "Worker", "SharedWorker", "indexedDB"]) {
  delete globalThis[name];
}
delete Deno.args;
defineProperty(Deno, "args", { value: [], configurable: true });

let current = null; // the request that a script is being run for
let serial = 0;
let repeated = null; // the script of this process, as it is when it comes again

// What a script sees

function plain(name, value, inside, path) {
  const where = () => `output ${name}: ${path === "" ? "the value" : `the value at ${path}`}`;
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      if (!isFinite(value)) {
        throw new NativeTypeError(`${where()} is ${value}, which JSON has no number for`);
      }
      return value;
    case "bigint":
      throw new NativeTypeError(`${where()} is a BigInt, which JSON can't carry; give Number(value) or String(value)`);
    case "object":
      break;
    default:
      throw new NativeTypeError(`${where()} is ${value === undefined ? "undefined" : `a ${typeof value}`}, ` +
        "which JSON can't carry");
  }
  if (value === null) return null;
  if (has(inside, value)) throw new NativeTypeError(`${where()} holds itself, which JSON can't carry`);
  add(inside, value);
  let result;
  if (isArray(value)) {
    result = [];
    for (let index = 0; index < value.length; index++) {
      defineProperty(result, index, member(plain(name, value[index], inside, `${path}[${index}]`)));
    }
  } else if (value instanceof Date) {
    result = toJson(value);
    if (result === null) throw new NativeTypeError(`${where()} is a date that is none`);
  } else if (typeof value.toJSON === "function") {
    result = plain(name, value.toJSON(), inside, path);
  } else {
    if (isSpecial(value)) {
      throw new NativeTypeError(`${where()} is a ${getPrototypeOf(value).constructor?.name}, ` +
        "which JSON can't carry; give an array or an object of plain values");
    }
    result = create(null);
    for (const key of keys(value)) {
      if (value[key] === undefined) continue; // as JSON does
      const inner = path === "" ? key : `${path}.${key}`;
      defineProperty(result, key, member(plain(name, value[key], inside, inner)));
    }
  }
  remove(inside, value);
  return result;
}

const member = (value) => ({ value, enumerable: true, configurable: true, writable: true });

// By name: to ask for the classes themselves would load half of the runtime.
const SPECIAL = new NativeSet(["Map", "Set", "WeakMap", "WeakSet", "Promise", "RegExp", "ArrayBuffer", "DataView",
  "SharedArrayBuffer", "TypedArray", "Error", "Blob", "Response", "Request", "Headers", "ReadableStream"]);

function isSpecial(value) {
  for (let prototype = getPrototypeOf(value); prototype !== null; prototype = getPrototypeOf(prototype)) {
    if (has(SPECIAL, prototype.constructor?.name)) return true;
  }
  return false;
}

function output(name, value) {
  if (typeof name !== "string" || name === "") {
    throw new NativeTypeError("output(name, value): the name has to be a text");
  }
  if (current === null) throw new NativeError(`output ${name}: the script has ended already`);
  // As text, so that what changes later does not change what was given.
  current.outputs[name] = stringify(plain(name, value, new NativeSet(), ""));
}

function getData(path) {
  if (current === null) throw new NativeError("the script has ended already");
  let value = parse(current.inputs);
  if (path === undefined || path === "") return value;
  for (const part of split(`${path}`, ".")) {
    if (value === null || typeof value !== "object") return undefined;
    value = value[part];
  }
  return value;
}

function log(...values) {
  let line = "";
  for (let index = 0; index < values.length; index++) {
    line += (index ? " " : "") + (typeof values[index] === "string" ? values[index] : inspect(values[index]));
  }
  let rest = encode(`${line}\n`);
  while (rest.length > 0) rest = subarray(rest, writeSync(rest));
}

function readFile(path) {
  const folder = current === null ? "" : current.folder;
  return readTextFileSync(startsWith(`${path}`, "/") ? `${path}` : `${folder}/${path}`);
}

const Wfe = { getData, setOutput: output, log, readFile };

function giveGlobals() {
  const given = { inputs: getData, output, log, readFile, Wfe: { ...Wfe } };
  for (const name of keys(given)) {
    defineProperty(globalThis, name, { value: given[name], writable: true, configurable: true, enumerable: true });
  }
}

// A script's ends

function describe(error, request) {
  let name = "", message = "", stack = "";
  try {
    if (error instanceof NativeError) {
      name = `${error.name}`;
      message = `${error.message}`;
      stack = `${error.stack ?? ""}`;
    } else {
      message = typeof error === "string" ? error : inspect(error);
    }
  } catch {
    message = "what it threw can't be shown";
  }
  return { name, message: titled(message, request), stack: titled(ownFrames(stack), request) };
}

function ownFrames(stack) {
  let shown = "";
  for (const line of split(stack, "\n")) {
    if (includes(line, bootUrl) || includes(line, "(ext:")) continue;
    shown += (shown === "" ? "" : "\n") + withoutWrapper(line);
  }
  return shown;
}

/** Show a script's own line as if it were that of a module. */
function withoutWrapper(line) {
  for (const frame of WRAPPER_FRAMES) {
    if (startsWith(line, frame)) return `    at ${slice(line, frame.length, -1)}`;
  }
  return line;
}

/** Name the script where a text names the module of its function; in the first line that begins with the wrapper. */
function unwrapped(text, title) {
  const parts = split(text, `${repeated.url}:1:`);
  let shown = parts[0];
  for (let index = 1; index < parts.length; index++) {
    const column = parseInt(parts[index], 10);
    shown += `${title}:1:${column - WRAPPER[0].length}${slice(parts[index], `${column}`.length)}`;
  }
  return replaceAll(shown, repeated.url, () => title);
}

/** Name the script where a text names the module that it was loaded from. */
function titled(text, request) {
  if (request.file === null) {
    const called = repeated === null || repeated.url === "" ? text : unwrapped(text, request.title);
    return request.url === "" ? called : replaceAll(called, request.url, () => request.title);
  }
  let named = replaceAll(text, request.folder_url, "");
  // A path may be shown as it is read or as a URL has it, and V8 calls a text it knows by the name it first had.
  for (let number = serial; number > 0; number--) {
    for (const name of [request.title, request.file]) {
      named = replaceAll(named, `${name}?${number}:`, () => `${request.title}:`);
    }
  }
  return named;
}

/** Send an answer or greeting, and take the next request. */
async function send(text) {
  const body = encode(text);
  const frame = new NativeArray(4 + body.length);
  frame[0] = body.length >>> 24;
  frame[1] = body.length >>> 16;
  frame[2] = body.length >>> 8;
  frame[3] = body.length;
  set(frame, body, 4);
  let rest = frame;
  while (rest.length > 0) rest = subarray(rest, await write(rest));
  await next();
}

async function receive(length) {
  const bytes = new NativeArray(length);
  let filled = 0;
  while (filled < length) {
    const count = await read(subarray(bytes, filled));
    if (count === null) exit(0); // the engine has closed, or is gone
    filled += count;
  }
  return bytes;
}

async function next() {
  const head = await receive(4);
  const length = ((head[0] << 24) | (head[1] << 16) | (head[2] << 8) | head[3]) >>> 0;
  run(parse(decode(await receive(length))));
}

async function run(request) {
  request.outputs = create(null);
  request.settled = false;
  request.url = "";
  current = request;
  giveGlobals();
  try {
    const call = await again(request);
    await (call === null ? load(request) : call());
    request.settled = true;
  } catch (error) {
    fail(error);
  }
}

/** Evaluate a script as a module. */
async function load(request) {
  if (request.file !== null) {
    request.url = `${request.folder_url}${request.file}?${++serial}`; // another query, another evaluation
    return await import(request.url);
  }
  request.url = createObjectURL(new NativeBlob([request.script], { type: request.media }));
  try {
    await import(request.url);
  } finally {
    revokeObjectURL(request.url);
  }
}

// Repeated
//
// What has been evaluated as a module is one, whole and with nothing open: so it may be put into a function, whose
// body means the same at every call. What only a module can hold (import, export) can't be, and is loaded each time.

const WRAPPER = ["export default async () => {", "\n};"];
const WRAPPER_FRAMES = ["    at default (", "    at async default ("]; // as V8 calls the function
const WRAPPED = new NativeSet(["application/typescript", "application/javascript"]); // JSX has directives of its own

/** Return the function that a script is, if it has been here before and can be one; else null. */
async function again(request) {
  if (request.file !== null || !has(WRAPPED, request.media)) return null;
  if (repeated === null || repeated.script !== request.script || repeated.media !== request.media) {
    repeated = { script: request.script, media: request.media, url: "", call: null, tried: false };
    return null;
  }
  if (!repeated.tried) {
    repeated.tried = true;
    const text = WRAPPER[0] + request.script + WRAPPER[1];
    const url = createObjectURL(new NativeBlob([text], { type: request.media }));
    try {
      const loaded = await import(url);
      repeated.call = loaded.default;
      repeated.url = url;
    } catch {
      // It has imports or exports. Nothing of it has run: a module that can't be parsed does nothing.
    } finally {
      revokeObjectURL(url);
    }
  }
  return repeated.call;
}

function fail(error) {
  const request = current;
  if (request === null) return;
  current = null;
  send(stringify({ nonce: request.nonce, error: describe(error, request) }));
}

function succeed() {
  const request = current;
  current = null;
  let outputs = "";
  for (const name of keys(request.outputs)) {
    outputs += `${outputs === "" ? "" : ","}${stringify(name)}:${request.outputs[name]}`;
  }
  send(`{"nonce":${stringify(request.nonce)},"outputs":{${outputs}}}`);
}

/** End as Deno ends a module that waits when nothing is left to come. */
function stuck() {
  writeErrorSync(encode("error: Top-level await promise never resolved\n"));
  exit(1);
}

addEventListener("beforeunload", (event) => {
  if (current === null) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (current.settled) succeed();
  else stuck();
});
addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  fail(event.reason);
});
addEventListener("error", (event) => {
  event.preventDefault();
  fail(event.error);
});

defineProperty(Deno, "exit", {
  value(code = 0) {
    const place = current === null ? "" : describe(new NativeError(), current).stack;
    const encoded = encode(`Deno.exit(${code})\n${place}\n`);
    try {
      Deno.stderr.writeSync(encoded);
    } finally {
      exit(code);
    }
  },
  configurable: true,
});

send(stringify({ hello: Deno.pid }));
