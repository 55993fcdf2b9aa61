/** Options of tasks, as callers write them. spec.js turns them into the fields that the core reads. */

/**
 * @typedef {object} TaskOptions
 * @property {import('./options.js').Priority} [priority] 'normal'
 * @property {'light' | 'heavy'} [weight] how it goes together with bulk jobs: a heavy task waits until none is active, a light one
 *   runs beside them; a task without a weight is not affected by them. In `split` and `sequence`: 'heavy'
 * @property {number} [timeoutMs] time limit from its start; the pool's taskTimeoutMs
 * @property {number} [deadlineMs] time limit from its submission, which includes waiting: a task that has not started by then never
 *   does; a running one is stopped as at its time limit. In a map: of each item, from when it is given to the pool; none
 * @property {AbortSignal} [signal] aborting it cancels a waiting task, and stops a running one, by ending its worker if need be
 * @property {number} [cancelGraceMs] how long it may take to end by itself (context.signal, context.isCancelled) before it is stopped;
 *   the pool's cancelGraceMs
 * @property {boolean} [alone] no other task runs beside it on its worker, with concurrentTasksPerWorker above 1; false
 * @property {'reject' | 'requeue'} [onLost] what happens if its worker is lost: 'reject' (WORKER_LOST); or 'requeue': it runs again, at
 *   most 3 times
 * @property {'copy' | 'lease'} [deliver] 'copy': the result; 'lease': a Box that is read in place and must be released
 * @property {readonly import('../base/host-types.js').Transferable[]} [transfer] parts of the payload that are transferred, not copied
 * @property {(value: any) => void} [onProgress] gets the values that the handler passes to context.progress
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
 * @property {boolean} [settle] go on after failures: each result is as in Promise.allSettled; false
 * @property {(done: number, total: number | undefined) => void} [onItems] progress: items done, and all of them if known
 * @typedef {TaskOptions & MapExtras} MapOptions
 *
 * @typedef {object} BulkExtras
 * @property {number} [batchSize] items in a slice; by default each worker gets one slice, of at most maxSliceItems
 * @property {unknown} [sharedArgs] the same value for every slice: context.sharedArgs
 * @property {number} [maxWaitMs] how long its slices may wait before they go ahead of single tasks of their level; 50
 * @typedef {Omit<TaskOptions, 'weight' | 'deliver' | 'transfer'> & BulkExtras} BulkOptions
 *
 * @typedef {object} StepExtras
 * @property {import('../base/task-name.js').TaskRef} task
 * @property {unknown} [payload] a value; or a function of the result before it, called just before the step is sent
 * @typedef {TaskOptions & StepExtras} Step
 *
 * A deadline as spec.js makes it from deadlineMs.
 * @typedef {object} Deadline
 * @property {number} at in the pool's time
 * @property {number} ms after the submission
 */

export {};
