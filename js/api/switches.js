/** Settings that a pool's user may change at any time, even before there is an engine. */

/** The switches of one pool. */
export class Switches {
  #intake;
  #isPaused = false;
  #keepsAlive;

  /**
   * @param {Pick<import('../submit/intake.js').Intake, 'engine'>} intake
   * @param {boolean} keepsAlive whether the pool keeps the process alive when it is idle
   */
  constructor(intake, keepsAlive) {
    this.#intake = intake;
    this.#keepsAlive = keepsAlive;
  }

  /** @param {import('../engine/engine.js').Engine} engine new, without tasks yet */
  apply(engine) {
    if (this.#isPaused) engine.pause();
    engine.keepAlive(this.#keepsAlive);
  }

  /** @param {boolean} isPaused whether no task is started */
  pause(isPaused) {
    this.#isPaused = isPaused;
    const { engine } = this.#intake;
    if (isPaused) engine?.pause();
    else engine?.resume();
  }

  /** @param {boolean} keeps */
  keepAlive(keeps) {
    this.#keepsAlive = keeps;
    this.#intake.engine?.keepAlive(keeps);
  }
}
