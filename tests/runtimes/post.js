/** Posts a page's reports to its server, one after the other. */
let last = Promise.resolve();

/** @param {object} report */
export function post(report) {
  last = last.then(() => fetch('/report', { method: 'POST', body: JSON.stringify(report) })).then(() => undefined);
}

/** What nobody catches is a failure of the run. */
export function reportErrors() {
  const failed = (/** @type {string} */ name, /** @type {any} */ error) =>
    post({ name, result: 'failed', detail: String(error?.stack ?? error) });
  addEventListener('error', ({ error, message }) => failed('an error that nobody catches', error ?? message));
  addEventListener('unhandledrejection', ({ reason }) => failed('a rejection that nobody handles', reason));
}
