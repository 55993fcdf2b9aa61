/** The page's worker module: each exported function is a task. The C tasks are in paint.c. */

/** A loop without an end. Nothing in JavaScript can stop it but the end of its thread. */
export const hangInJs = () => {
  for (;;);
};

/** An error that nobody catches, in the middle of a task: it ends the worker. */
export const crash = () =>
  new Promise(() => {
    setTimeout(() => {
      throw new Error('crashed on purpose');
    });
  });
