/** Posts a page's reports to its server, one after the other. */
let last = Promise.resolve();

/** @param {object} report */
export function post(report) {
  last = last.then(() => fetch('/report', { method: 'POST', body: JSON.stringify(report) })).then(() => undefined);
}

/** @param {string} what @param {unknown} error */
const failed = (what, error) => post({ name: what, result: 'failed', detail: String(error?.stack ?? error) });
addEventListener('error', ({ error, message }) => failed('an error that nobody catches', error ?? message));
addEventListener('unhandledrejection', ({ reason }) => failed('a rejection that nobody handles', reason));
