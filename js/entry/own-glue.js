/**
 * The glue of the package's own core; the bundle that workers start with contains it, changed so that it takes `realm` for its global
 * object (scripts/own-glue.mjs). Without the bundle it is undefined, and the worker imports the glue by its URL.
 * @type {((url: string, realm: object) => (module: object) => Promise<any>) | undefined} url: of the glue's own file
 */
export const ownGlue = undefined;
