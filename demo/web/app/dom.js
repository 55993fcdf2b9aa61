/** Small helpers. */

/** @param {string} id @returns {any} the element */
export const byId = (id) => document.getElementById(id);

/** Settles when the page has had a chance to draw. @returns {Promise<number>} the frame's time */
export const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve));

/** How long a part of some longer work may keep the page from drawing. */
const SLICE_MS = 6;

/** Lets the page draw whenever the work has gone on for a while: `await breathe()` in its loops. */
export function breather() {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < SLICE_MS) return;
    await nextFrame();
    since = performance.now();
  };
}

/** @param {number} ms */
export const inSeconds = (ms) => `${(ms / 1000).toFixed(2)} s`;

/** @param {number} ms */
export const inMs = (ms) => (ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`);

/** @param {any} error @returns {string} its message, without a full stop */
export const reasonOf = (error) => String(error?.message ?? error).replace(/\.$/, '');

/** @param {number} count */
export const grouped = (count) => count.toLocaleString('en');

/**
 * A button that runs one thing at a time. It keeps its focus meanwhile.
 * @param {string} id
 * @param {() => Promise<unknown>} run
 */
export function action(id, run) {
  const button = byId(id);
  button.addEventListener('click', async () => {
    if (button.getAttribute('aria-disabled') === 'true') return;
    button.setAttribute('aria-disabled', 'true');
    try {
      await run();
    } finally {
      button.removeAttribute('aria-disabled');
    }
  });
}
