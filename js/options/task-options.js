/** Options of tasks, as callers write them. spec.js turns them into the fields that the core reads. */

/**
 * @typedef {object} TaskOptions
 * @property {import('./options.js').Priority} [priority] 'normal'
 * @property {'light' | 'heavy'} [weight] how it goes together with bulk jobs: a heavy task waits until none is active, a light one
 *   runs beside them; without a weight it knows nothing of them. Of `split` and `sequence`: 'heavy'
 * @property {number} [timeoutMs] time limit from its start; the pool's taskTimeoutMs
 * @property {number} [deadlineMs] time limit from its submission, so that waiting counts, too: a task that has not started by then never
 *   does; a running one is stopped as at its time limit. Of a map: each item's, from when it is given to the pool; none
 * @property {AbortSignal} [signal] aborting a waiting task cancels it; a running one is stopped, if need be with its worker
 * @property {number} [cancelGraceMs] how long it may take to end by itself (context.signal, context.isCancelled) before it is stopped;
 *   the pool's cancelGraceMs
 * @property {boolean} [alone] no other task runs beside it on its worker, with concurrentTasksPerWorker above 1; false
 * @property {'reject' | 'requeue'} [onLost] what happens when its worker is lost: 'reject' (WORKER_LOST), or it runs again, at
 *   most 3 times
 * @property {'copy' | 'lease'} [deliver] 'copy': the result; 'lease': a Box that is read in place and must be released
 * @property {readonly import('../base/host-types.js').Transferable[]} [transfer] parts of the payload that are moved instead of copied
 * @property {(value: any) => void} [onProgress] what the handler gives to context.progress
 *
 * @typedef {TaskOptions & { deliver: 'lease' }} LeaseOptions the result is a Box
 *
 * @typedef {object} BatchJob one member of a batch
 * @property {import('../base/task-name.js').TaskRef} task
 * @property {unknown} [payload]
 * @property {import('./options.js').Priority} [priority] the batch's
 *
 * @typedef {object} MapExtras
 * @property {number} [batchSize] items that travel together and run one after another on one worker; 1
 * @property {unknown} [sharedArgs] the same value for every item: context.sharedArgs
 * @property {number} [maxWaitMs] how long a batch may wait before it goes ahead of single tasks of its level; none
 * @property {boolean} [settle] go on after failures: each result is as Promise.allSettled gives it; false
 * @property {(done: number, total: number | undefined) => void} [onItems] progress: items done, and all of them if known
 * @typedef {TaskOptions & MapExtras} MapOptions
 *
 * @typedef {object} BulkExtras
 * @property {number} [batchSize] items in a slice; as many as give each worker one, and maxSliceItems at most
 * @property {unknown} [sharedArgs] the same value for every slice: context.sharedArgs
 * @property {number} [maxWaitMs] how long its slices may wait before they go ahead of single tasks of their level; 50
 * @typedef {Omit<TaskOptions, 'weight' | 'deliver' | 'transfer'> & BulkExtras} BulkOptions
 *
 * @typedef {object} StepExtras
 * @property {import('../base/task-name.js').TaskRef} task
 * @property {unknown} [payload] a value; or a function of the result before it, called just before the step is sent
 * @typedef {TaskOptions & StepExtras} Step
 *
 * What spec.js makes of deadlineMs.
 * @typedef {object} Deadline
 * @property {number} at in the pool's time
 * @property {number} ms after the submission
 */

export {};
