/**
 * The glue of the package's own core, where it is part of what a worker starts with (scripts/bundle-worker.mjs). From a worker's sources
 * it is imported by its URL.
 * @type {((url: string) => (module: object) => Promise<any>) | undefined} url: where the glue's own file lies
 */
export const ownGlue = undefined;
