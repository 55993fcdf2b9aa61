/**
 * The class of the CBOR library, loaded at its first use: an actor's thread starts without it. Bundles for browsers put a module in the place
 * of this one that contains it (scripts/bundle-main.mjs).
 */
import { createRequire } from 'node:module';

/** @returns {new (options: object) => { encode: (value: unknown) => Uint8Array, decode: (bytes: Uint8Array) => any }} */
export const encoderClass = () => createRequire(import.meta.url)('../dist/boot-node-cbor.cjs').Encoder;
