/** Where the worker side lies. The build for browsers contains it, and puts another module in place of this one (scripts/bundle-main.mjs). */
export const twinWorkerUrl = () => new URL('./twin-worker.js', import.meta.url);
