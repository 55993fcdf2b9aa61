/** Looks whether actors give signs of life, and whether leases of boxes are over. Needs no other traffic. */
import * as S from '../../generated/supervision.js';
import { host } from '../../host/index.js';

/** How often. */
const LOOK_MS = /** @type {const} */ ({ least: 5, most: 500 });

/** Of one supervisor. */
export class Watch {
  #system;
  #office;
  /** @type {unknown} */
  #timer;

  /**
   * @param {import('./actor-system.js').ActorSystem} system
   * @param {import('./post-office.js').PostOffice} office
   */
  constructor(system, office) {
    this.#system = system;
    this.#office = office;
  }

  /** There is an actor. */
  begin() {
    if (this.#timer === undefined) this.#lookLater();
  }

  #lookLater() {
    let least = /** @type {number} */ (LOOK_MS.most);
    for (const { leaseMs } of this.#system.actors.values()) least = Math.min(least, leaseMs / 4);
    this.#timer = host.time.setTimeout(() => this.#look(), Math.max(LOOK_MS.least, least));
    /** @type {any} */ (this.#timer).unref?.(); // actors keep the process alive
  }

  #look() {
    this.#timer = undefined;
    const { nowMs, actors } = this.#system;
    for (const actor of [...actors.values()])
      if (actor.life && !actor.isMuted && actor.life.silenceMs(nowMs) >= actor.leaseMs)
        this.#system.failed(actor, actor.incarnation, 'silent', S.ACTOR_SILENT);
    for (const actor of this.#office.late())
      if (!actor.isMuted) this.#system.failed(actor, actor.incarnation, 'late', S.ACTOR_LEASE_EXPIRED);
    if (actors.size > 0) this.#lookLater();
  }

  end() {
    host.time.clearTimeout(this.#timer);
  }
}
