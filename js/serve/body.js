/** The body of a request that is read part by part, when the handler asks for one. */

/** The client's body is longer than allowed. */
export class TooLarge extends Error {
  code = 'TOO_LARGE';
}

/** Main's half: takes from the connection only what was asked for. */
export class Body {
  #request;
  #most;
  #parts;
  #bytes = 0;

  /**
   * @param {import('node:http').IncomingMessage} request
   * @param {number} most bytes
   */
  constructor(request, most) {
    this.#request = request;
    this.#most = most;
    this.#parts = request.iterator({ destroyOnReturn: false });
  }

  /** Whether more came than is allowed. */
  isTooLarge = false;

  /**
   * @returns {Promise<Uint8Array | undefined>} the next part; undefined at the end of a body that has arrived whole
   * @throws {TooLarge}, or if the client has left
   */
  async next() {
    const { done, value } = await this.#parts.next();
    if (done && !this.#request.complete) throw new Error('the request broke off');
    if (done) return undefined;
    this.#bytes += value.length;
    if (this.#bytes <= this.#most) return value;
    this.isTooLarge = true;
    throw new TooLarge('the request has a longer body than this server takes');
  }

  /** Reads on for nobody, so that another request can follow on this connection; one that goes on for too long is cut off. */
  async discard() {
    await this.#parts.return?.();
    const request = this.#request;
    request.on('data', (part) => {
      this.#bytes += part.length;
      if (this.#bytes > this.#most) request.destroy();
    });
    request.resume();
  }
}
