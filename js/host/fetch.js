/**
 * The bytes at a URL that is no file.
 * @param {URL} url
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 * @throws {Error} also for an answer that says that there is nothing
 */
export async function fetchBytes(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}
