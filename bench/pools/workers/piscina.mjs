import { move } from 'piscina';
import { make, remake } from '../../tasks.mjs';

export * from '../../tasks.mjs';
export const makeMoved = (length) => move(make(length));
export const remakeMoved = (bytes) => move(remake(bytes));
