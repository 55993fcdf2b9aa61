/** Shared memory needs a cross-origin isolated page. */

const TRIED = 'isolation-tried';
/** A service worker that is not there by then has been blocked. */
const READY_MS = 5000;
const HEADERS = 'its server must send COOP and COEP headers';

/**
 * Makes the page isolated by its service worker if its server does not send the headers; that takes one reload.
 * @returns {Promise<string>} '' if it is isolated; otherwise what is in the way
 */
export async function isolate() {
  if (globalThis.crossOriginIsolated) {
    sessionStorage.removeItem(TRIED);
    return '';
  }
  if (!globalThis.isSecureContext) return 'Shared memory needs https, or localhost.';
  if (!('serviceWorker' in navigator)) return `This browser has no service workers, so ${HEADERS}.`;
  if (sessionStorage.getItem(TRIED)) return `The page is not cross-origin isolated: ${HEADERS}.`;
  const { serviceWorker } = navigator;
  const ready = serviceWorker.register(new URL('../sw.js', import.meta.url)).then(() => serviceWorker.ready);
  const late = new Promise((resolve) => setTimeout(resolve, READY_MS));
  if (!(await Promise.race([ready, late]))) return `Service workers are blocked, so ${HEADERS}.`;
  sessionStorage.setItem(TRIED, 'yes');
  location.reload();
  return new Promise(() => undefined); // the page is about to go
}
