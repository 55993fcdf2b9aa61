/**
 * Fetches the bytes at a URL.
 * @param {URL} url
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 * @throws {Error} also if the response is not ok
 */
export async function fetchBytes(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}
