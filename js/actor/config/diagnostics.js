/** What a supervisor measures, if it is asked to. */
import { flag, ownOptions, wrong } from '../../base/check.js';

/** Everything that can be measured. */
export const TRACKS = /** @type {const} */ ([
  'actorLifetimes',
  'startTimes',
  'processLifetimes',
  'writeQueueWait',
  'writeQueueDepth',
  'messageLatency',
  'bufferUtilization',
  'heartbeatIntervals',
  'resourceCallLatency',
  'authorizationEvents',
  'inboxDepth',
  'refCountHistory',
]);

/**
 * @typedef {typeof TRACKS[number]} Track
 *
 * @typedef {object} DiagnosticsOptions
 * @property {boolean} [enabled] false: nothing is measured
 * @property {number} [sampleRate] part of the events that are measured, 0 … 1; 1
 * @property {Partial<Record<Track, boolean>>} [track] what is measured; nothing
 *
 * @typedef {{ readonly count: number, readonly avg: number, readonly max: number }} Measured times are in milliseconds
 */

const NAMES = new Set(['enabled', 'sampleRate', 'track']);
const TRACK_NAMES = new Set(TRACKS);

/** @param {DiagnosticsOptions} [options] */
export function diagnosticsOptions(options = {}) {
  const { enabled, sampleRate = 1, track = {} } = ownOptions('diagnostics', options, NAMES);
  const isOn = flag('diagnostics.enabled', enabled);
  if (typeof sampleRate !== 'number' || !(sampleRate >= 0 && sampleRate <= 1))
    throw wrong('diagnostics.sampleRate', sampleRate, 'a number from 0 to 1');
  const tracks = Object.entries(ownOptions('diagnostics.track', track, /** @type {Set<string>} */ (TRACK_NAMES)));
  const wanted = tracks.filter(([name, value]) => flag(`diagnostics.track.${name}`, value)).map(([name]) => name);
  return { sampleRate, tracks: new Set(isOn ? wanted : []) };
}

/** Values of one kind. */
class Series {
  count = 0;
  sum = 0;
  max = 0;

  /** @param {number} value */
  add(value) {
    this.count++;
    this.sum += value;
    if (value > this.max) this.max = value;
  }

  /** @returns {Measured} */
  get measured() {
    return { count: this.count, avg: this.count ? this.sum / this.count : 0, max: this.max };
  }
}

/** A supervisor's measurements. Made only if something is tracked. */
export class Collector {
  /** @type {Map<string, Series>} */
  #series;
  #rate;

  /** @param {ReturnType<typeof diagnosticsOptions>} options */
  constructor({ sampleRate, tracks }) {
    this.#rate = sampleRate;
    this.#series = new Map([...tracks].map((track) => [track, new Series()]));
  }

  /** @param {Track} track */
  tracks(track) {
    return this.#series.has(track);
  }

  /**
   * @param {Track} track
   * @param {number} value
   */
  record(track, value) {
    const series = this.#series.get(track);
    if (series && Math.random() < this.#rate) series.add(value);
  }

  /** @returns {Partial<Record<Track, Measured>>} everything that is tracked */
  report() {
    return Object.fromEntries([...this.#series].map(([track, series]) => [track, series.measured]));
  }
}

/**
 * @param {ReturnType<typeof diagnosticsOptions>} options
 * @returns {Collector | undefined} undefined: nothing is measured
 */
export const collectorOf = (options) => (options.tracks.size > 0 ? new Collector(options) : undefined);
