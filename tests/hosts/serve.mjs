/** The commands of program.mjs for pools in JavaScript. */

const TYPE = { undefined: 0, binary: 1, string: 2, number: 5 };

/** @param {number} type @param {string} hex */
function decode(type, hex) {
  const bytes = Buffer.from(hex === '-' ? '' : hex, 'hex');
  if (type === TYPE.undefined) return undefined;
  if (type === TYPE.number) return bytes.readDoubleLE();
  return type === TYPE.string ? bytes.toString() : new Uint8Array(bytes);
}

/** @param {unknown} value @returns {[number, string]} */
function encode(value) {
  if (value === undefined) return [TYPE.undefined, '-'];
  if (typeof value === 'number') return [TYPE.number, Buffer.from(new Float64Array([value]).buffer).toString('hex')];
  if (typeof value === 'string') return [TYPE.string, Buffer.from(value).toString('hex') || '-'];
  return [TYPE.binary, Buffer.from(/** @type {Uint8Array} */ (value)).toString('hex') || '-'];
}

/**
 * @param {AsyncIterable<string>} lines
 * @param {(...words: unknown[]) => void} say
 * @param {(options: { workers: number, spares: number, restarts: number }) => Promise<any>} open
 */
export async function serve(lines, say, open) {
  let pool;
  const runs = new Map();
  const commands = {
    async open(workers, spares, restarts) {
      try {
        pool = await open({ workers: Number(workers), spares: Number(spares), restarts: Number(restarts) });
        say('opened');
      } catch (error) {
        say('refused', error.message);
      }
    },
    run(id, task, type, hex, priority, timeoutMs) {
      const onProgress = (value) => say('value', id, ...encode(value));
      const promise = pool.run(task, decode(Number(type), hex), {
        priority: Number(priority),
        timeoutMs: Number(timeoutMs),
        onProgress,
      });
      runs.set(id, promise);
      promise.then(
        (value) => say('end', id, 0, ...encode(value)),
        (error) => say('end', id, error.status ?? -1, ...encode(error.text ?? '')),
      );
      promise.catch(() => undefined).finally(() => runs.delete(id));
    },
    cancel: (id) => say('gave', id, pool.cancel(runs.get(id) ?? {}) ? 1 : 0),
    terminate: (id) => say('gave', id, pool.terminate(runs.get(id) ?? {}) ? 1 : 0),
    pause() {
      pool.pause();
      say('done');
    },
    resume() {
      pool.resume();
      say('done');
    },
    stats() {
      const { free, total, queued, tasks, heapBytes } = pool.stats();
      say('stats', free, total, queued, tasks, heapBytes);
    },
    counts() {
      const { starts, kills, losses, retired, reaped } = pool.counts();
      say('counts', starts, kills, losses, retired, reaped);
    },
    check: () => say('check', pool.check()),
    async close() {
      await pool.close();
      say('closed');
    },
  };
  for await (const line of lines) {
    const [word, ...words] = line.split(' ');
    await commands[word](...words);
  }
}
