/**
 * WASI preview 1 for one instance: arguments, environment, stdin, files in memory, stdout, stderr, clocks and random numbers. Nothing of the
 * host but those. The functions are those of @bjorn3/browser_wasi_shim; what they take or keep is limited here, because they run in the
 * host's heap, where no limit of the module's memory counts.
 */
import {
  ConsoleStdout,
  Directory,
  File,
  OpenFile,
  PreopenDirectory,
  WASI,
  WASIProcExit,
} from '@bjorn3/browser_wasi_shim';

/** As programs import it. */
export const WASI_MODULE = 'wasi_snapshot_preview1';
/** Names of its functions. */
export const wasiNames = () => Object.keys(new WASI([], [], []).wasiImport);

const ERRNO = {
  badAddress: 21,
  inval: 28,
  fileTooBig: 22,
  nameTooLong: 37,
  noFiles: 41,
  noSpace: 51,
  notSupported: 58,
};
/** Buffers in one read or write, as Linux has it; each becomes an object. */
const BUFFERS_MOST = 1024;
const PATH_BYTES_MOST = 4096;
/** Open files, and files and directories that are made, in one instance. */
const FILES_MOST = 10_000;
const OPEN_CREATES = 1;
/** A subscription of poll_oneoff: 48 bytes; its event: 32. */
const SUBSCRIPTION = { bytes: 48, kind: 8, clock: 16, timeout: 24, flags: 40 };
const EVENT = { bytes: 32, kind: 10 };
const POLL_MOST = 64;
const CLOCK_REALTIME = 0;
const ABSOLUTE = 1;

/**
 * @typedef {Record<string, Uint8Array>} Files by their paths from the root, `/` between the parts
 *
 * @typedef {object} Grants what an instance gets
 * @property {readonly string[]} args the first is the program's name
 * @property {Readonly<Record<string, string>>} env
 * @property {Uint8Array} stdin
 * @property {Readonly<Files> | undefined} files undefined: no file system
 * @property {(fd: number, bytes: Uint8Array) => void} write of stdout (1) and stderr (2)
 * @property {() => number} spare bytes that may still be kept for this call: of files
 * @property {(bytes: number) => void} spend some of them
 * @property {(ms: number) => boolean} sleep false: the task is to end
 */

/** @param {unknown} error @returns {number | undefined} the code, if it is the end of a program */
export const exitCodeOf = (error) => (error instanceof WASIProcExit ? error.code : undefined);

/** One instance's view of the system. */
export class Wasi {
  /** Set before the instance runs. @type {any} */
  memory;
  #grants;
  #wasi;
  #tree;
  /** Bytes of the files that it was given, with their names. */
  #given;
  /** Bytes by which its files have grown. */
  #grown = 0;
  #made = 0;

  /** @param {Grants} grants */
  constructor(grants) {
    this.#grants = grants;
    const { args, env, stdin, files, write } = grants;
    const output = (/** @type {number} */ fd) => new ConsoleStdout((bytes) => write(fd, bytes));
    const tree = files && treeOf(files);
    // Two names of one directory: programs by older C libraries find relative paths in '.' only.
    const roots = tree ? ['/', '.'].map((name) => new PreopenDirectory(name, tree)) : [];
    this.#tree = tree;
    this.#given = tree ? bytesIn(filesIn(tree, '')) : 0;
    this.#wasi = new WASI(
      [...args],
      Object.entries(env).map(([name, value]) => `${name}=${value}`),
      [new OpenFile(new File(stdin, { readonly: true })), output(1), output(2), ...roots],
      { debug: false },
    );
    /** @type {any} */ (this.#wasi).inst = { exports: this };
  }

  /** The functions that modules import. @returns {Record<string, Function>} */
  get functions() {
    const own = /** @type {Record<string, (...values: any[]) => number | void>} */ (this.#wasi.wasiImport);
    const { fds } = this.#wasi;
    const few =
      (/** @type {string} */ name) =>
      (/** @type {any[]} */ ...values) =>
        values[2] >>> 0 > BUFFERS_MOST ? ERRNO.inval : own[name](...values);
    const writing =
      (/** @type {string} */ name) =>
      (/** @type {any[]} */ ...values) =>
        this.#refusal(values, name === 'fd_pwrite' ? values[3] : undefined) ?? own[name](...values);
    /** @type {Record<string, Function>} */
    const functions = {
      ...own,
      fd_read: few('fd_read'),
      fd_pread: few('fd_pread'),
      fd_write: writing('fd_write'),
      fd_pwrite: writing('fd_pwrite'),
      fd_allocate: (/** @type {number} */ fd, /** @type {bigint} */ offset, /** @type {bigint} */ bytes) =>
        this.#resize(fd, offset + bytes, false),
      fd_filestat_set_size: (/** @type {number} */ fd, /** @type {bigint} */ bytes) => this.#resize(fd, bytes, true),
      fd_close: (/** @type {number} */ fd) => {
        const result = own.fd_close(fd);
        while (fds.length > 0 && fds.at(-1) === undefined) fds.pop(); // their numbers are not used again
        return result;
      },
      args_sizes_get: (/** @type {number} */ count, /** @type {number} */ bytes) => {
        const view = new DataView(this.memory.buffer);
        view.setUint32(count, this.#wasi.args.length, true);
        const lengths = this.#wasi.args.map((text) => utf8.encode(text).length + 1); // the shim counts characters
        view.setUint32(
          bytes,
          lengths.reduce((sum, length) => sum + length, 0),
          true,
        );
        return 0;
      },
      poll_oneoff: (/** @type {number[]} */ ...values) => this.#poll(...values),
      proc_raise: () => ERRNO.notSupported,
      sched_yield: () => 0,
    };
    for (const name of ['sock_recv', 'sock_send', 'sock_shutdown', 'sock_accept'])
      functions[name] = () => ERRNO.notSupported;
    for (const name of Object.keys(functions)) if (name.startsWith('path_')) functions[name] = this.#limited(name);
    return functions;
  }

  /**
   * Files as they are now. Their names count as output, and a file as often as it has names.
   * @returns {Files | undefined}
   */
  get files() {
    if (!this.#tree) return undefined;
    const files = filesIn(this.#tree, '');
    this.#grants.spend(Math.max(0, bytesIn(files) - this.#given - this.#grown));
    return Object.fromEntries(files.map(([path, data]) => [path, data.slice()])); // without what is spare behind it
  }

  /**
   * A function with paths: they are short, and it makes only so many files.
   * @param {string} name
   */
  #limited(name) {
    const own = /** @type {Record<string, (...values: any[]) => number>} */ (this.#wasi.wasiImport)[name];
    const lengths = PATH_LENGTHS[name] ?? [];
    return (/** @type {any[]} */ ...values) => {
      if (lengths.some((place) => values[place] >>> 0 > PATH_BYTES_MOST)) return ERRNO.nameTooLong;
      const makes = MAKES.has(name) || (name === 'path_open' && values[4] & OPEN_CREATES);
      if (makes && ++this.#made > FILES_MOST) return ERRNO.noSpace;
      if (name === 'path_open' && this.#wasi.fds.length > FILES_MOST) return ERRNO.noFiles;
      return own(...values);
    };
  }

  /**
   * @param {any[]} values of fd_write or fd_pwrite
   * @param {bigint | undefined} at where it writes; undefined: at the file's own place
   * @returns {number | undefined} why not
   */
  #refusal([fd, buffers, count], at) {
    if (count >>> 0 > BUFFERS_MOST) return ERRNO.inval;
    const open = /** @type {any} */ (this.#wasi.fds[fd]);
    if (!open?.file || open.file.readonly) return undefined;
    const view = new DataView(this.memory.buffer);
    let bytes = 0;
    for (let i = 0; i < count; i++) {
      const buffer = (buffers >>> 0) + 8 * i;
      const length = view.getUint32(buffer + 4, true);
      if (view.getUint32(buffer, true) + length > view.byteLength) return ERRNO.badAddress;
      bytes += length;
    }
    return this.#grow(open.file, (at ?? open.file_pos) + BigInt(bytes));
  }

  /**
   * Makes a file larger before the shim does, which would copy it for each write.
   * @param {any} file
   * @param {bigint} end its size afterwards, if that is more
   * @returns {number | undefined} why not
   */
  #grow(file, end) {
    const more = end - file.size;
    if (more <= 0n) return undefined;
    if (more > BigInt(this.#grants.spare())) return ERRNO.fileTooBig;
    this.#grants.spend(Number(more));
    this.#grown += Number(more);
    const { data } = file; // from the start of its buffer, in which the rest is 0
    let { buffer } = data;
    if (end > buffer.byteLength) {
      const larger = new Uint8Array(Math.max(Number(end), 2 * data.length));
      larger.set(data);
      ({ buffer } = larger);
    }
    file.data = new Uint8Array(buffer, 0, Number(end));
    return undefined;
  }

  /**
   * @param {number} fd
   * @param {bigint} bytes
   * @param {boolean} mayShrink
   */
  #resize(fd, bytes, mayShrink) {
    const file = /** @type {any} */ (this.#wasi.fds[fd])?.file;
    if (!file || file.readonly || bytes < 0n) return ERRNO.inval;
    const refusal = this.#grow(file, bytes);
    if (refusal !== undefined) return refusal;
    if (mayShrink && bytes < file.size) file.data = file.data.slice(0, Number(bytes));
    return 0;
  }

  /**
   * Sleeps until the first of the clocks; files are always ready.
   * @param {number[]} values
   */
  #poll(...[from, to, count, countAt]) {
    if (count < 1 || count > POLL_MOST) return ERRNO.inval;
    const all = Array.from({ length: count }, (_, i) => this.#subscription((from >>> 0) + i * SUBSCRIPTION.bytes));
    const sooner = Math.min(...all.map(({ ms }) => ms));
    if (sooner > 0 && !this.#grants.sleep(sooner)) throw new Error('the task was stopped while it slept');
    const view = new DataView(this.memory.buffer);
    const ready = all.filter(({ ms }) => ms <= sooner);
    ready.forEach(({ userData, kind }, i) => {
      const at = (to >>> 0) + i * EVENT.bytes;
      for (let offset = 0; offset < EVENT.bytes; offset += 8) view.setBigUint64(at + offset, 0n, true);
      view.setBigUint64(at, userData, true);
      view.setUint8(at + EVENT.kind, kind);
    });
    view.setUint32(countAt >>> 0, ready.length, true);
    return 0;
  }

  /** @param {number} at */
  #subscription(at) {
    const view = new DataView(this.memory.buffer);
    const userData = view.getBigUint64(at, true);
    const kind = view.getUint8(at + SUBSCRIPTION.kind);
    if (kind !== 0) return { userData, kind, ms: 0 };
    const ms = Number(view.getBigUint64(at + SUBSCRIPTION.timeout, true)) / 1e6;
    if (!(view.getUint16(at + SUBSCRIPTION.flags, true) & ABSOLUTE)) return { userData, kind, ms };
    const isWallClock = view.getUint32(at + SUBSCRIPTION.clock, true) === CLOCK_REALTIME;
    return { userData, kind, ms: Math.max(0, ms - (isWallClock ? Date.now() : performance.now())) };
  }
}

/** Places of the lengths of paths among the arguments. @type {Record<string, number[]>} */
const PATH_LENGTHS = {
  path_create_directory: [2],
  path_filestat_get: [3],
  path_filestat_set_times: [3],
  path_link: [3, 6],
  path_open: [3],
  path_readlink: [2],
  path_remove_directory: [2],
  path_rename: [2, 5],
  path_symlink: [1, 4],
  path_unlink_file: [2],
};
const MAKES = new Set(['path_create_directory', 'path_link']);

const utf8 = new TextEncoder();

/**
 * @param {Readonly<Files>} files
 * @returns {Map<string, any>}
 */
function treeOf(files) {
  const root = new Map();
  for (const [path, bytes] of Object.entries(files)) {
    const parts = path.split('/').filter((part) => part !== '' && part !== '.');
    const name = parts.pop();
    if (name === undefined || parts.includes('..') || name === '..') throw new Error(`files: '${path}' is no path`);
    let at = root;
    for (const part of parts) {
      if (!at.has(part)) at.set(part, new Directory(new Map()));
      at = at.get(part).contents;
      if (!at) throw new Error(`files: '${path}' lies in a file`);
    }
    at.set(name, new File(bytes));
  }
  return root;
}

/**
 * @param {Map<string, any>} tree
 * @param {string} prefix
 * @returns {[string, Uint8Array][]}
 */
function filesIn(tree, prefix) {
  return [...tree].flatMap(([name, entry]) =>
    entry instanceof Directory
      ? filesIn(entry.contents, `${prefix}${name}/`)
      : /** @type {[string, Uint8Array][]} */ ([[prefix + name, entry.data]]),
  );
}

/** @param {[string, Uint8Array][]} files */
const bytesIn = (files) => files.reduce((sum, [path, { length }]) => sum + path.length + length, 0);
