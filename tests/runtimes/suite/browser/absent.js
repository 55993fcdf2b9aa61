/** Stands for modules of Node that no browser has anything like; the tests that call them do not run there (needs.js). */
const absent = (name) => () => {
  throw new Error(`browsers have no ${name}`);
};
export const execFile = absent('execFile');
export const execFileSync = absent('execFileSync');
export const spawn = absent('spawn');
export const spawnSync = absent('spawnSync');
export const readFileSync = absent('readFileSync');
export const existsSync = absent('existsSync');
export const mkdtempSync = absent('mkdtempSync');
export const rmSync = absent('rmSync');
export const writeFileSync = absent('writeFileSync');
export const createRequire = absent('createRequire');
export const join = absent('join');
export class AsyncLocalStorage {}
