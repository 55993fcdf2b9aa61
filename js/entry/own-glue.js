/**
 * The glue of the package's own core, where it is part of what a worker starts with (scripts/bundle-worker.mjs). From a worker's sources
 * it is imported by its URL.
 * @type {((module: object) => Promise<any>) | undefined}
 */
export const ownGlue = undefined;
