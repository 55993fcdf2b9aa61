/** What actors ask main for: by letters, in order with what they publish; and by calls, which get an answer. */
import { fromMessage } from '../../codec/errors.js';
import { poolError } from '../../base/errors.js';
import * as S from '../../generated/supervision.js';
import { sealed } from '../envelope.js';
import { CALL } from '../protocol.js';
import { callResource } from '../config/resources.js';

/**
 * @typedef {import('./actor.js').Actor} Actor
 * @typedef {import('../protocol.js').FromActor} FromActor
 */

/** Of one supervisor's actors. */
export class Requests {
  #system;

  /** @param {import('./actor-system.js').ActorSystem} system */
  constructor(system) {
    this.#system = system;
  }

  /** The functions of main that actors call. */
  get functions() {
    return { [CALL]: (/** @type {import('../protocol.js').Request} */ request) => this.#call(request) };
  }

  /**
   * @param {FromActor} letter
   * @param {Actor} actor that sent it
   * @param {import('../mailbox.js').BoxHandle} [box] that it has written
   */
  letter(letter, actor, box) {
    const { number } = actor;
    const { incarnation } = letter;
    if (incarnation !== actor.incarnation || !actor.life) return;
    if (letter.kind === 'left' || letter.kind === 'failed') actor.life.left();
    if (actor.isMuted) return;
    if (letter.kind === 'send') {
      const { msg, data } = letter;
      this.#system.publish(actor, sealed({ msg, data }, actor.id));
    } else if (letter.kind === 'box') this.#system.publish(actor, sealed(letter.message, actor.id, box));
    else if (letter.kind === 'tell') this.#tell(actor, letter.what, letter.values);
    else if (letter.kind === 'started') this.#system.step({ kind: S.SUPERVISION_STARTED, actor: number, incarnation });
    else if (letter.kind === 'left') this.#system.step({ kind: S.SUPERVISION_LEFT, actor: number, incarnation });
    else {
      const reason = letter.isLoading ? S.ACTOR_NOT_STARTED : S.ACTOR_ERROR;
      this.#system.failed(actor, incarnation, fromMessage(letter.error), reason);
    }
  }

  /**
   * @param {Actor} actor
   * @param {string} what
   * @param {readonly any[]} values
   */
  #tell(actor, what, [first, second]) {
    const system = this.#system;
    const target = system.ids.numberOf(first);
    const other = system.ids.numberOf(second);
    if (what === 'terminate') system.actors.get(first)?.terminate();
    else if (target === undefined || other === undefined) return;
    else
      try {
        if (what === 'monitor') system.monitor(target, other);
        else system.link(target, other, target === actor.number ? actor.incarnation : 0);
      } catch (error) {
        if (/** @type {any} */ (error).code !== 'STALE_HANDLE') throw error;
      }
  }

  /**
   * @param {import('../protocol.js').Request} request
   * @returns {unknown}
   */
  #call({ id, incarnation, what, values }) {
    const actor = this.#system.actors.get(id);
    if (!actor || actor.isMuted || actor.incarnation !== incarnation)
      throw poolError('STALE_HANDLE', `${what}: the actor has ended`);
    const [first, second, third] = /** @type {any[]} */ (values);
    if (what === 'resource') return this.#resource(actor, first, second, third);
    if (what === 'mailbox') return this.#system.actors.get(first)?.mailbox;
    const child = this.#system.spawn(first, second, actor.group, actor.number);
    return { id: child.id, name: child.name, mailbox: child.mailbox };
  }

  /**
   * @param {Actor} actor
   * @param {string} name
   * @param {string} method
   * @param {unknown} argument
   */
  async #resource(actor, name, method, argument) {
    const { nowMs: begin, options, collector } = this.#system;
    try {
      return await callResource(options.resources, name, method, argument, actor.id);
    } finally {
      collector?.record('resourceCallLatency', this.#system.nowMs - begin);
    }
  }
}
