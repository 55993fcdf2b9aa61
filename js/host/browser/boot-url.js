/**
 * The start file of workers. A build that contains it (scripts/bundle-main.mjs) puts another module in place of this one.
 * @returns {URL}
 */
export const bootUrl = () => new URL('../../entry/boot-browser.js', import.meta.url);
