/** The numbers of docs/host-abi.md that this host uses. */

export const VERSION = 1;

/** Bits of wp_host_open. */
export const CAN_END_THREADS = 1;

export const STATE = { opening: 0, open: 1, refused: 2, closed: 3 };

export const TYPE = { undefined: 0, binary: 1, string: 2, json: 3, cbor: 4, number: 5 };

export const TRAP = { other: 0, stack: 1, memory: 2 };

export const PRIORITY = { normal: 0, critical: 1, high: 2, low: 3 };

/** Longer than any wait: wp_host_rest has no time by which the pool must be asked. */
export const FOR_EVER_MS = 1e15;

/** Offsets in wp_config; numbers of 32 bits, but for those whose name ends in Ms and `jitter`, which are doubles. */
export const CONFIG = {
  workers: 0,
  spares: 4,
  maxQueue: 12,
  cores: 80,
  restartMax: 100,
  restartMinMs: 112,
  restartMaxMs: 120,
  jitter: 128,
  readyMs: 136,
};

export const OPTIONS = { bytes: 28, priority: 0, timeoutMs: 8, user: 20 };

export const COMPLETION = { bytes: 36, handle: 0, status: 8, type: 12, data: 16, size: 20, progress: 24, user: 32 };

export const START = { bytes: 20 };

export const STATS = { bytes: 88, free: 0, busy: 4, total: 8, queued: 12, tasks: 36, heapBytes: 64 };

export const COUNTS = { starts: 0, kills: 4, losses: 8, retired: 12, reaped: 16 };
