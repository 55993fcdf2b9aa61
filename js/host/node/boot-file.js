/**
 * The files that workers start with (scripts/bundle-worker.mjs). A build that contains them (scripts/bundle-main.mjs) puts another module in
 * place of this one.
 */

/**
 * Where the start file lies; in a build that contains it, a name only.
 * @returns {URL}
 */
export const bootUrl = () => new URL('../../dist/boot-node.cjs', import.meta.url);

/**
 * The texts of these files, by their names, where the build contains them.
 * @type {Readonly<Record<string, string>> | undefined}
 */
export const bootTexts = undefined;
