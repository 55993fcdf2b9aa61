/** Ids of actors: texts that are unique in the program, made of their numbers in the supervision. */
import { generationOf, indexOf, numberOf } from '../supervision.js';

/** Number of supervisors so far, of this program. */
let count = 0;

/** Ids of one supervisor's actors. */
export class ActorIds {
  #serial = ++count;

  /** The supervisor's own. */
  get own() {
    return `supervisor-${this.#serial}`;
  }

  /** @param {number} number of an actor in the supervision */
  of(number) {
    return `actor-${this.#serial}.${indexOf(number)}.${generationOf(number)}`;
  }

  /**
   * The inverse, also for actors that have ended.
   * @param {unknown} id
   * @returns {number | undefined} undefined: it is no id of this supervisor's actors
   */
  numberOf(id) {
    const found = /^actor-(\d+)\.(\d+)\.(\d+)$/.exec(String(id));
    if (!found || Number(found[1]) !== this.#serial) return undefined;
    return numberOf(Number(found[2]), Number(found[3]));
  }
}
