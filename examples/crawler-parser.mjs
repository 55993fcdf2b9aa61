/** The parser of the crawler: an actor that takes pages and sends what they link to. */

/**
 * What a page links to. The pattern has a fault that nobody has seen yet: on `<a` with many words and no `href` it tries every way to cut them
 * up, which takes longer than anybody will wait.
 * @param {string} text
 */
export const linksOf = (text) => Array.from(text.matchAll(/<a(?:\s+[^>]*)*\shref="([^"]*)"/g), ([, link]) => link);

/**
 * @param {{ send(msg: string, data: unknown): void }} self
 * @param {{ path: string, text: string }} page
 */
export function parse(self, { path, text }) {
  self.send('links', { path, links: linksOf(text) });
}
